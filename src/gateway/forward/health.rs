//! Asks each instance now and then whether it is well. The answer's status is all that is looked at: its
//! body is not read, and nobody is shown any of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, header};
use http_body_util::Full;

use super::line::Line;
use super::service::{Instance, Service};
use super::tls::TlsOfCore;
use crate::clock::Clock;
use crate::config::HealthSettings;

/// Checks every instance of a service for ever, where its settings say how.
pub(super) async fn watch(service: &Arc<Service>, clock: &Clock) {
    let Some(rules) = &service.settings.health else {
        return;
    };
    let instances = service.instances.iter().enumerate();
    join_all(instances.map(|(number, instance)| async move {
        loop {
            let wait = Duration::from_millis(rules.wait_milliseconds_max.into());
            let checked = tokio::time::timeout(wait, check(service, instance, rules, clock)).await;
            let passed = checked.unwrap_or(false);
            if service.roster().checked(number, passed, rules) {
                let (service, instance) = (&*service.name, &*instance.address);
                tracing::warn!(
                    service,
                    instance,
                    passed,
                    "its health checks say otherwise now"
                );
            }
            tokio::time::sleep(Duration::from_secs(rules.interval_seconds.into())).await;
        }
    }))
    .await;
}

/// On a connection of its own: one that is there already says nothing about new ones.
async fn check(
    service: &Service,
    instance: &Instance,
    rules: &HealthSettings,
    clock: &Clock,
) -> bool {
    let secured = service.tls.as_ref().map(TlsOfCore::now);
    let line = Line::open(&instance.address, secured.as_deref(), clock.instant()).await;
    let request = Request::get(&*rules.path)
        .header(header::HOST, service.settings.authority())
        .header(header::USER_AGENT, "covenant")
        .header(header::CONNECTION, "close")
        .body(Full::<Bytes>::default());
    let (Ok(mut line), Ok(request)) = (line, request) else {
        return false;
    };
    let answered = line.ask(request).await;
    answered.is_ok_and(|response| response.status().is_success())
}
