//! What the contestants stand on: the demo's folder with its credentials and its book of customers,
//! the contracts of partners with limits that are not reached, and the answers, taken once from
//! the demo's core service.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use covenant::clock::Clock;
use covenant::config::Config;
use covenant::demo::Demo;
use covenant::demo::core::World;
use covenant::starter::{POLICIES, Ports};
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::Failure;
use super::core::Answers;

pub(crate) const PARTNER: &str = "acme";
/// Another partner, with limits of its own.
pub(crate) const NEIGHBOUR: &str = "bluebird";
pub(crate) const PURPOSE: &str = "essential.service";
/// Of the targets, a job's ends with an id, which is the world's first.
pub(crate) const JOB: &str = "/v1/jobs/";
pub(crate) const PAGE: &str = "/v1/customers?limit=25";

/// A prepared folder.
pub(crate) struct Stage {
    pub(crate) config: Config,
    pub(crate) answers: Answers,
}

/// Everything in `directory`, ready for a gateway to be started in it.
pub(crate) async fn prepare(directory: &Path, clock: Clock) -> Result<Stage, Failure> {
    for (name, text) in super::POLICIES_CHANGED {
        write_changed(directory, name, text)?;
    }
    let ports = Ports::free()?;
    let demo = Demo::start(directory, &ports, clock)
        .await
        .map_err(|error| error.to_string())?;
    let config = demo.config().clone();
    let mut answers = HashMap::new();
    let mut targets = vec![(PARTNER, PAGE.to_owned())];
    for partner in [PARTNER, NEIGHBOUR] {
        targets.push((partner, job_target(demo.world(), partner)?));
    }
    for (partner, target) in targets {
        let body = ask(demo.core().address(), partner, &target).await?;
        let path = target.split('?').next().unwrap_or_default();
        answers.insert(path.to_owned(), body);
    }
    demo.stop().await;
    Ok(Stage {
        config,
        answers: Arc::new(answers),
    })
}

/// The path of a partner's first job.
pub(crate) fn job_target(world: &World, partner: &str) -> Result<String, Failure> {
    let mut customers = world.customers_of(Some(partner));
    let customer = customers.next().ok_or("the partner has no customer")?;
    let mut jobs = world.jobs().iter();
    let job = jobs.find(|job| job.customer_id == customer.id);
    Ok(format!("{JOB}{}", job.ok_or("the customer has no job")?.id))
}

/// A shipped file of the policies with texts replaced. The demo leaves files that are there as they are.
fn write_changed(directory: &Path, name: &str, changes: &[(&str, &str)]) -> Result<(), Failure> {
    let shipped = POLICIES.iter().find(|(path, _)| *path == name);
    let (_, shipped) = shipped.ok_or("there is no such file")?;
    let mut text = (*shipped).to_owned();
    for (from, to) in changes {
        text = text.replacen(from, to, 1);
    }
    let path = directory.join("policies").join(name);
    fs::create_dir_all(path.parent().ok_or("no folder")?)?;
    Ok(fs::write(path, text)?)
}

/// One answer of the core, as its partner would be given it by nobody.
async fn ask(core: SocketAddr, partner: &str, target: &str) -> Result<Bytes, Failure> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let request = Request::get(format!("http://{core}{target}"))
        .header("partner-id", partner)
        .body(Empty::new())?;
    let response = client.request(request).await?;
    if !response.status().is_success() {
        return Err(format!("the core answered {} to {target}", response.status()).into());
    }
    Ok(response.into_body().collect().await?.to_bytes())
}
