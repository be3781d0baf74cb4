//! The HTTP server: binds, answers, ends.

use super::observe::Observation;
use super::page;
use super::state::{Serving, State};
use crate::listener::bind;
use actix_web::dev::ServerHandle;
use actix_web::http::header::{CACHE_CONTROL, ContentType};
use actix_web::web::{Data, get};
use actix_web::{App, HttpResponse, HttpServer};
use ottla_actors::types::BrokerSettings;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

/// Connections at once; more wait in the backlog. Scrapers and probes need one each.
const CONNECTIONS_MAX: usize = 64;
/// What a scraper shall take the page for.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The front page.
const INDEX: &str = "\
Ottla

/healthz   200 while the process can acknowledge data
/readyz    200 while clients are served
/metrics   for Prometheus
";

/// The page, served until it is stopped; or none, where there shall be none.
#[derive(Debug)]
pub(crate) struct AdminServer {
    state: Arc<State>,
    handle: Option<ServerHandle>,
}

impl AdminServer {
    /// Serves where `ottla.admin.listener` says. It comes before the data folder is opened, so that
    /// a long recovery can be told from a dead process.
    ///
    /// # Errors
    /// The address that was asked for cannot be used.
    pub(crate) async fn start(settings: &BrokerSettings) -> io::Result<Self> {
        let state = Arc::new(State::default());
        let Some(listener) = &settings.admin_listener else {
            return Ok(Self { state, handle: None });
        };
        let socket = match bind(&listener.bind, settings).await {
            Ok(socket) => socket.into_std()?,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && !listener.is_chosen => {
                log::warn!(
                    address:% = listener.bind;
                    "no health and metrics over HTTP: the port is taken, by another broker perhaps; ottla.admin.listener names another one"
                );
                return Ok(Self { state, handle: None });
            }
            Err(error) => return Err(error),
        };
        let address = socket.local_addr()?;
        let handle = Some(serve(socket, state.clone(), settings.admin_topic_metrics)?);
        // It gets its thread when it is first polled; opening the data folder blocks this one.
        tokio::task::yield_now().await;
        log::info!(address:% = address; "health and metrics over HTTP");
        Ok(Self { state, handle })
    }

    /// Clients are served from now on.
    pub(crate) fn serving(&self, serving: Serving) {
        self.state.serve(serving);
    }

    /// The broker begins to stop: not ready any more.
    pub(crate) fn stopping(&self) {
        self.state.stop();
    }

    /// Ends the server.
    pub(crate) async fn stop(self) {
        if let Some(handle) = self.handle {
            handle.stop(false).await;
        }
    }
}

fn serve(socket: TcpListener, state: Arc<State>, is_detailed: bool) -> io::Result<ServerHandle> {
    let state = Data::from(state);
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .route("/", get().to(async || text(HttpResponse::Ok(), INDEX)))
            .route("/healthz", get().to(async |state: Data<State>| verdict(state.health())))
            .route("/readyz", get().to(async |state: Data<State>| verdict(state.readiness())))
            .route("/metrics", get().to(move |state| metrics(state, is_detailed)))
    });
    // Signals are the service's own affair.
    let server = server.workers(1).max_connections(CONNECTIONS_MAX).disable_signals();
    let server = server.listen(socket)?.run();
    let handle = server.handle();
    tokio::task::spawn_local(async move {
        if let Err(error) = server.await {
            log::error!(error:% = error; "health and metrics are not served any more");
        }
    });
    Ok(handle)
}

fn text(mut response: actix_web::HttpResponseBuilder, body: &str) -> HttpResponse {
    response.insert_header(ContentType::plaintext()).insert_header((CACHE_CONTROL, "no-store"));
    response.body(body.to_owned())
}

fn verdict(found: Result<(), &'static str>) -> HttpResponse {
    match found {
        Ok(()) => text(HttpResponse::Ok(), "ok\n"),
        Err(reason) => text(HttpResponse::ServiceUnavailable(), &format!("{reason}\n")),
    }
}

async fn metrics(state: Data<State>, is_detailed: bool) -> HttpResponse {
    let Some(serving) = state.serving() else {
        return verdict(Err("starting"));
    };
    let observation = Observation::make(serving, is_detailed).await;
    match page::write(observation) {
        Ok(page) => HttpResponse::Ok()
            .content_type(METRICS_TYPE)
            .insert_header((CACHE_CONTROL, "no-store"))
            .body(page),
        Err(error) => {
            log::error!(error:% = error; "the metrics cannot be written");
            HttpResponse::InternalServerError().finish()
        }
    }
}
