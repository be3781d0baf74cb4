//! kafka-features: which features a cluster has and uses, and at which level.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use kafka_protocol::messages::update_features_request::FeatureUpdateKey;
use kafka_protocol::messages::{
    ApiVersionsRequest, ApiVersionsResponse, UpdateFeaturesRequest, UpdateFeaturesResponse,
};

use super::Call;
use super::arguments::Connect;
use super::client::{Client, To, text};
use super::output::Out;
use super::problem::ToolError;

#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
struct Arguments {
    #[command(flatten)]
    connect: Connect,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print which features there are, and which are in use
    Describe,
    /// Take features to higher levels
    Upgrade {
        #[command(flatten)]
        levels: Levels,
    },
    /// Take features to lower levels
    Downgrade {
        #[command(flatten)]
        levels: Levels,
        /// Even if metadata is lost by it
        #[arg(long)]
        r#unsafe: bool,
    },
    /// Take features to level 0
    Disable {
        /// A feature; may be given more than once
        #[arg(long, value_name = "NAME")]
        feature: Vec<String>,
        /// Even if metadata is lost by it
        #[arg(long)]
        r#unsafe: bool,
        /// Only say whether it could be done
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args)]
struct Levels {
    /// The release whose metadata.version is meant, such as 4.3-IV0
    #[arg(long, value_name = "VERSION")]
    metadata: Option<String>,
    /// A feature and its level; may be given more than once
    #[arg(long, value_name = "NAME=LEVEL")]
    feature: Vec<String>,
    /// Only say whether it could be done
    #[arg(long)]
    dry_run: bool,
}

const METADATA_VERSION: &str = "metadata.version";

/// Releases by their level of metadata.version, from 7 on.
const RELEASES: &[&str] = &[
    "3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1", "3.6-IV2",
    "3.7-IV0", "3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0", "3.9-IV0", "4.0-IV0",
    "4.0-IV1", "4.0-IV2", "4.0-IV3", "4.1-IV0", "4.1-IV1", "4.2-IV0", "4.2-IV1", "4.3-IV0",
];
const FIRST_RELEASE_LEVEL: i16 = 7;

fn levels_of_releases() -> impl Iterator<Item = (i16, &'static str)> {
    (FIRST_RELEASE_LEVEL..).zip(RELEASES.iter().copied())
}

/// A level as Kafka's tool prints it.
fn shown(feature: &str, level: i16) -> String {
    if feature != METADATA_VERSION {
        return level.to_string();
    }
    let release = levels_of_releases().find(|(known, _)| *known == level);
    release.map_or_else(|| format!("UNKNOWN {level}"), |(_, release)| release.to_owned())
}

/// Runs the tool.
pub(super) fn run(call: &Call, out: Out<'_>) -> Result<ExitCode, ToolError> {
    let Some(Arguments { connect, action }) = call.parse::<Arguments>(out)? else {
        return Ok(ExitCode::SUCCESS);
    };
    match action {
        Action::Describe => describe(&mut connect.client()?, out)?,
        Action::Upgrade { levels } => {
            warn_of_metadata(&levels, out)?;
            let wanted = wanted(&levels, "upgrade")?;
            update(&mut connect.client()?, Way::Up, &wanted, levels.dry_run, out)?;
        }
        Action::Downgrade { levels, r#unsafe } => {
            warn_of_metadata(&levels, out)?;
            let wanted = wanted(&levels, "downgrade")?;
            let way = Way::Down { is_unsafe: r#unsafe };
            update(&mut connect.client()?, way, &wanted, levels.dry_run, out)?;
        }
        Action::Disable { feature, r#unsafe, dry_run } => {
            let wanted = once_each(feature.into_iter().map(|name| (name, 0)), "disable")?;
            let way = Way::Off { is_unsafe: r#unsafe };
            update(&mut connect.client()?, way, &wanted, dry_run, out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn warn_of_metadata(levels: &Levels, out: Out<'_>) -> Result<(), ToolError> {
    if levels.metadata.is_some() {
        writeln!(out, " `metadata` flag is deprecated and may be removed in a future release.")?;
    }
    Ok(())
}

/// First version of ApiVersions that tells of features with a lowest level of 0.
const ALL_FEATURES_SINCE: i16 = 4;

fn describe(client: &mut Client, out: Out<'_>) -> Result<(), ToolError> {
    let request = ApiVersionsRequest::default()
        .with_client_software_name(text("ottla"))
        .with_client_software_version(text(env!("CARGO_PKG_VERSION")));
    let answer = client.ask(To::Any, ALL_FEATURES_SINCE, &request)?;
    ToolError::check(answer.error_code, None)?;
    write_features(&answer, out)
}

fn write_features(answer: &ApiVersionsResponse, out: Out<'_>) -> Result<(), ToolError> {
    let finalized: BTreeMap<&str, i16> = answer
        .finalized_features
        .iter()
        .map(|feature| (feature.name.as_str(), feature.max_version_level))
        .collect();
    let supported: BTreeMap<&str, (i16, i16)> = answer
        .supported_features
        .iter()
        .map(|feature| (feature.name.as_str(), (feature.min_version, feature.max_version)))
        .collect();
    let epoch = answer.finalized_features_epoch;
    let epoch = if epoch < 0 { "-".to_owned() } else { epoch.to_string() };
    for (name, (min, max)) in supported {
        let level = finalized.get(name).copied().unwrap_or_default();
        let [min, max, level] = [min, max, level].map(|level| shown(name, level));
        writeln!(
            out,
            "Feature: {name:<40}  SupportedMinVersion: {min:<15}  SupportedMaxVersion: {max:<15}  \
             FinalizedVersionLevel: {level:<15}  Epoch: {epoch}"
        )?;
    }
    Ok(())
}

/// Which way levels go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Up,
    Down { is_unsafe: bool },
    Off { is_unsafe: bool },
}

impl Way {
    const fn upgrade_type(self) -> i8 {
        match self {
            Self::Up => 1,
            Self::Down { is_unsafe: false } | Self::Off { is_unsafe: false } => 2,
            Self::Down { is_unsafe: true } | Self::Off { is_unsafe: true } => 3,
        }
    }
}

fn wanted(levels: &Levels, verb: &str) -> Result<BTreeMap<String, i16>, ToolError> {
    let mut all = Vec::new();
    if let Some(release) = &levels.metadata {
        let found = levels_of_releases().find(|(_, known)| known == release);
        let unknown = || {
            let known = RELEASES.join(", ");
            let text = format!(
                "Unknown metadata.version '{release}'. Supported metadata.version are: {known}"
            );
            ToolError::Argument(text)
        };
        let (level, _) = found.ok_or_else(unknown)?;
        all.push((METADATA_VERSION.to_owned(), level));
    }
    for pair in &levels.feature {
        all.push(name_and_level(pair)?);
    }
    once_each(all.into_iter(), verb)
}

fn name_and_level(pair: &str) -> Result<(String, i16), ToolError> {
    let refuse = |why: String| {
        ToolError::Argument(format!("Can't parse feature=level string {pair}: {why}"))
    };
    let (name, level) =
        pair.split_once('=').ok_or_else(|| refuse("equals sign not found.".to_owned()))?;
    let (name, level) = (name.trim(), level.trim());
    let level =
        level.parse().map_err(|_| refuse(format!("unable to parse {level} as a short.")))?;
    Ok((name.to_owned(), level))
}

fn once_each(
    all: impl Iterator<Item = (String, i16)>,
    verb: &str,
) -> Result<BTreeMap<String, i16>, ToolError> {
    let mut levels = BTreeMap::new();
    for (name, level) in all {
        if levels.insert(name.clone(), level).is_some() {
            let text = format!("Feature {name} was specified more than once.");
            return Err(ToolError::Argument(text));
        }
    }
    if levels.is_empty() {
        return Err(ToolError::Argument(format!(
            "You must specify at least one feature to {verb}"
        )));
    }
    Ok(levels)
}

fn update(
    client: &mut Client,
    way: Way,
    wanted: &BTreeMap<String, i16>,
    dry_run: bool,
    out: Out<'_>,
) -> Result<(), ToolError> {
    if let Some((_, level)) = wanted.iter().find(|(_, level)| way == Way::Up && **level < 1) {
        return Err(ToolError::Argument(format!(
            "The upgradeType flag should be set to SAFE_DOWNGRADE or UNSAFE_DOWNGRADE when the \
             provided maxVersionLevel:{level} is < 1."
        )));
    }
    let request = |version: i16| request(version, way, wanted, dry_run);
    let wait = client.patience();
    let answer = client.ask_as::<UpdateFeaturesRequest, _>(To::Any, i16::MAX, request, wait)?;
    let mut failed = 0;
    for (name, level) in wanted {
        let goal = match way {
            Way::Up => format!("upgrade {name} to {level}"),
            Way::Down { .. } => format!("downgrade {name} to {level}"),
            Way::Off { .. } => format!("disable {name}"),
        };
        let done = match way {
            Way::Up => format!("upgraded to {level}."),
            Way::Down { .. } => format!("downgraded to {level}."),
            Way::Off { .. } => "disabled.".to_owned(),
        };
        match result_of(&answer, name) {
            Ok(()) => writeln!(out, "{name}{}{done}", if dry_run { " can be " } else { " was " })?,
            Err(error) => {
                failed += 1;
                writeln!(
                    out,
                    "{}{goal}. {error}",
                    if dry_run { "Can not " } else { "Could not " }
                )?;
            }
        }
    }
    if failed > 0 {
        let text = format!("{failed} out of {} operation(s) failed.", wanted.len());
        return Err(ToolError::Argument(text));
    }
    Ok(())
}

fn request(
    version: i16,
    way: Way,
    wanted: &BTreeMap<String, i16>,
    dry_run: bool,
) -> UpdateFeaturesRequest {
    let updates = wanted.iter().map(|(name, level)| {
        let update =
            FeatureUpdateKey::default().with_feature(text(name)).with_max_version_level(*level);
        if version == 0 {
            update.with_allow_downgrade(way != Way::Up)
        } else {
            update.with_upgrade_type(way.upgrade_type())
        }
    });
    UpdateFeaturesRequest::default()
        .with_timeout_ms(30_000)
        .with_feature_updates(updates.collect())
        .with_validate_only(dry_run)
}

/// The refusal of all, or the feature's own where brokers tell of each.
fn result_of(answer: &UpdateFeaturesResponse, name: &str) -> Result<(), ToolError> {
    ToolError::check(answer.error_code, answer.error_message.as_deref())?;
    let own = answer.results.iter().find(|result| result.feature.as_str() == name);
    own.map_or(Ok(()), |own| ToolError::check(own.error_code, own.error_message.as_deref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::api_versions_response::{
        FinalizedFeatureKey, SupportedFeatureKey,
    };

    fn levels(metadata: Option<&str>, feature: &[&str]) -> Levels {
        Levels {
            metadata: metadata.map(str::to_owned),
            feature: feature.iter().map(|pair| (*pair).to_owned()).collect(),
            dry_run: false,
        }
    }

    #[test]
    fn features_are_described_in_kafkas_columns() {
        let supported = |name, min, max| {
            SupportedFeatureKey::default()
                .with_name(text(name))
                .with_min_version(min)
                .with_max_version(max)
        };
        let finalized = FinalizedFeatureKey::default()
            .with_name(text(METADATA_VERSION))
            .with_max_version_level(30);
        let answer = ApiVersionsResponse::default()
            .with_supported_features(vec![
                supported(METADATA_VERSION, 7, 31),
                supported("kraft.version", 0, 1),
            ])
            .with_finalized_features(vec![finalized])
            .with_finalized_features_epoch(12);
        let mut out = Vec::new();

        write_features(&answer, &mut out).unwrap();

        let expected = "\
Feature: kraft.version                             SupportedMinVersion: 0                \
SupportedMaxVersion: 1                FinalizedVersionLevel: 0                Epoch: 12
Feature: metadata.version                          SupportedMinVersion: 3.3-IV3          \
SupportedMaxVersion: UNKNOWN 31       FinalizedVersionLevel: 4.3-IV0          Epoch: 12
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn levels_are_read_by_release_and_by_number() {
        let both = wanted(&levels(Some("4.3-IV0"), &["group.version=1"]), "upgrade").unwrap();

        let expected = [("group.version".to_owned(), 1), (METADATA_VERSION.to_owned(), 30)];
        assert_eq!(both, BTreeMap::from(expected));
    }

    #[test]
    fn what_makes_no_sense_is_told_in_kafkas_words() {
        for (given, text) in [
            (levels(None, &[]), "You must specify at least one feature to upgrade"),
            (levels(None, &["a"]), "Can't parse feature=level string a: equals sign not found."),
            (
                levels(None, &["a=x"]),
                "Can't parse feature=level string a=x: unable to parse x as a short.",
            ),
            (levels(None, &["a=1", "a=2"]), "Feature a was specified more than once."),
            (levels(Some("9.9"), &[]), "Unknown metadata.version '9.9'. Supported "),
        ] {
            let told = wanted(&given, "upgrade").unwrap_err().to_string();
            assert!(told.starts_with(text), "{told}");
        }
    }

    #[test]
    fn version_0_says_otherwise_which_way_it_goes() {
        let wanted = BTreeMap::from([("a".to_owned(), 1)]);

        let old = request(0, Way::Down { is_unsafe: false }, &wanted, false);
        let new = request(2, Way::Off { is_unsafe: true }, &wanted, true);

        let (old, new) = (&old.feature_updates[0], &new.feature_updates[0]);
        assert_eq!((old.allow_downgrade, old.upgrade_type), (true, 1));
        assert_eq!((new.allow_downgrade, new.upgrade_type), (false, 3));
    }
}
