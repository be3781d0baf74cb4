//! Which of several quotas counts for a client (`ClientQuotaManager`).

use super::table::{QuotaEntity, QuotaKey, QuotaName, QuotaTable};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// A client's quota, and who uses it up together with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// The user whose usage counts; none for that of all users.
    pub user: Option<String>,
    /// The client id whose usage counts; none for that of all client ids.
    pub client_id: Option<String>,
    /// In a second.
    pub bound: f64,
}

/// The quotas of the moment, ready for look-ups.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    table: Arc<QuotaTable>,
    ips: BTreeMap<IpAddr, f64>,
    ip_default: Option<f64>,
}

impl Limits {
    /// Of what is set.
    #[must_use]
    pub fn new(table: &Arc<QuotaTable>) -> Self {
        let mut limits = Self { table: Arc::clone(table), ..Self::default() };
        for (entity, quotas) in &**table {
            let QuotaEntity::Ip(name) = entity else { continue };
            let Some(value) = quotas.values.get(&QuotaKey::ConnectionCreationRate) else {
                continue;
            };
            match name.name() {
                None => limits.ip_default = Some(value.value()),
                Some(name) => {
                    let named = name.parse().ok().or(quotas.address);
                    let ip = named.map(|ip: IpAddr| ip.to_canonical());
                    limits.ips.extend(ip.map(|ip| (ip, value.value())));
                }
            }
        }
        limits
    }

    /// Whether any user or client id has a quota.
    #[must_use]
    pub fn has_clients(&self) -> bool {
        self.table.keys().any(|entity| !matches!(entity, QuotaEntity::Ip(_)))
    }

    /// Whether any address has a quota.
    #[must_use]
    pub fn has_ips(&self) -> bool {
        self.ip_default.is_some() || !self.ips.is_empty()
    }

    /// Connections in a second that an address may open.
    #[must_use]
    pub fn of_ip(&self, ip: IpAddr) -> Option<f64> {
        self.ips.get(&ip).copied().or(self.ip_default)
    }

    /// The quota that counts for a client; see [`Limit::of`].
    #[must_use]
    pub fn of_client(&self, key: QuotaKey, user: &str, client_id: &str) -> Option<Limit> {
        Limit::of(&self.table, key, user, client_id)
    }
}

impl Limit {
    /// The quota that counts for a client: that of the most specific entity. A client without a
    /// client id has none by client id, not even the default one.
    #[must_use]
    pub fn of(table: &QuotaTable, key: QuotaKey, user: &str, client_id: &str) -> Option<Self> {
        use QuotaEntity::{Client, User, UserClient};
        use QuotaName::Default as Any;
        let named = |name: &str| QuotaName::Named(name.to_owned());
        let (this_user, this_client) = (|| named(user), || named(client_id));
        let by_both = Self {
            user: Some(user.to_owned()),
            client_id: Some(client_id.to_owned()),
            bound: f64::INFINITY,
        };
        let by_user = Self { client_id: None, ..by_both.clone() };
        let by_client = Self { user: None, ..by_both.clone() };
        let ranks = [
            (UserClient(this_user(), this_client()), &by_both),
            (UserClient(this_user(), Any), &by_both),
            (User(this_user()), &by_user),
            (UserClient(Any, this_client()), &by_both),
            (UserClient(Any, Any), &by_both),
            (User(Any), &by_user),
            (Client(this_client()), &by_client),
            (Client(Any), &by_client),
        ];
        ranks.iter().find_map(|(entity, shared)| {
            if client_id.is_empty() && !matches!(entity, User(_)) {
                return None;
            }
            let value = table.get(entity)?.values.get(&key)?;
            Some(Self { bound: value.value(), ..(*shared).clone() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quota::{EntityQuotas, QuotaValue};
    use QuotaName::{Default as Any, Named};

    const KEY: QuotaKey = QuotaKey::ProducerByteRate;

    fn quotas(key: QuotaKey, value: f64, address: Option<IpAddr>) -> EntityQuotas {
        EntityQuotas { address, values: BTreeMap::from([(key, QuotaValue::new(value))]) }
    }

    fn user() -> QuotaName {
        Named("u".to_owned())
    }

    fn client() -> QuotaName {
        Named("c".to_owned())
    }

    /// From the most specific on.
    fn ranks() -> Vec<QuotaEntity> {
        use QuotaEntity::{Client, User, UserClient};
        vec![
            UserClient(user(), client()),
            UserClient(user(), Any),
            User(user()),
            UserClient(Any, client()),
            UserClient(Any, Any),
            User(Any),
            Client(client()),
            Client(Any),
        ]
    }

    fn limits(entities: &[QuotaEntity]) -> Limits {
        let rows = (1_u8..).zip(entities);
        let rows = rows.map(|(rank, entity)| (entity.clone(), quotas(KEY, rank.into(), None)));
        Limits::new(&Arc::new(rows.collect()))
    }

    #[test]
    fn the_most_specific_entity_counts() {
        let ranks = ranks();
        for first in 0..ranks.len() {
            let limits = limits(&ranks[first..]);

            let found = limits.of_client(KEY, "u", "c").unwrap();

            assert_eq!(found.bound, 1.0, "of {:?}", ranks[first]);
            let by_user = !matches!(ranks[first], QuotaEntity::Client(_));
            let by_client = !matches!(ranks[first], QuotaEntity::User(_));
            assert_eq!(found.user.as_deref(), by_user.then_some("u"));
            assert_eq!(found.client_id.as_deref(), by_client.then_some("c"));
        }
    }

    #[test]
    fn a_quota_of_another_key_user_or_client_does_not_count() {
        let limits = limits(&[QuotaEntity::UserClient(user(), client())]);

        assert_eq!(limits.of_client(QuotaKey::ConsumerByteRate, "u", "c"), None);
        assert_eq!(limits.of_client(KEY, "v", "c"), None);
        assert_eq!(limits.of_client(KEY, "u", "d"), None);
    }

    #[test]
    fn a_client_without_a_client_id_has_the_quotas_of_its_user_alone() {
        let with_user = limits(&ranks());
        let without = limits(&[QuotaEntity::UserClient(Any, Any), QuotaEntity::Client(Any)]);

        assert_eq!(with_user.of_client(KEY, "u", "").map(|limit| limit.bound), Some(3.0));
        assert_eq!(without.of_client(KEY, "u", ""), None);
    }

    #[test]
    fn an_address_is_found_by_number_by_host_and_by_default() {
        let key = QuotaKey::ConnectionCreationRate;
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let named = |name: &str| QuotaEntity::Ip(Named(name.to_owned()));
        let mut table = QuotaTable::from([
            (named("10.0.0.1"), quotas(key, 1.0, None)),
            (named("somewhere"), quotas(key, 2.0, Some(ip("10.0.0.2")))),
        ]);

        let limits = Limits::new(&Arc::new(table.clone()));
        assert_eq!(limits.of_ip(ip("10.0.0.1")), Some(1.0));
        assert_eq!(limits.of_ip(ip("10.0.0.2")), Some(2.0));
        assert_eq!(limits.of_ip(ip("10.0.0.3")), None);
        assert!(limits.has_ips() && !limits.has_clients());

        table.insert(QuotaEntity::Ip(Any), quotas(key, 3.0, None));
        let limits = Limits::new(&Arc::new(table));
        assert_eq!(limits.of_ip(ip("10.0.0.3")), Some(3.0));
    }
}
