//! What the contestants stand on: the demo's folder with its credentials and its book of customers,
//! the contract of one partner with limits that are not reached, and the two answers, taken once from
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
pub(crate) const PURPOSE: &str = "essential.service";
/// Of the two targets, the job's ends with an id, which is the world's first.
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
    for target in [job_target(demo.world())?, PAGE.to_owned()] {
        let body = ask(demo.core().address(), &target).await?;
        let path = target.split('?').next().unwrap_or_default();
        answers.insert(path.to_owned(), body);
    }
    demo.stop().await;
    Ok(Stage {
        config,
        answers: Arc::new(answers),
    })
}

/// The path of the partner's first job.
pub(crate) fn job_target(world: &World) -> Result<String, Failure> {
    let mut customers = world.customers_of(Some(PARTNER));
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

/// One answer of the core, as the partner would be given it by nobody.
async fn ask(core: SocketAddr, target: &str) -> Result<Bytes, Failure> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let request = Request::get(format!("http://{core}{target}"))
        .header("partner-id", PARTNER)
        .body(Empty::new())?;
    let response = client.request(request).await?;
    if !response.status().is_success() {
        return Err(format!("the core answered {} to {target}", response.status()).into());
    }
    Ok(response.into_body().collect().await?.to_bytes())
}
