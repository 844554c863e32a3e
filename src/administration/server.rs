//! The Unix socket: small HTTP/1.1, JSON both ways. The kernel says who is at the other end; mode
//! 0660 and the socket's group say who may knock at all.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{DefaultBodyLimit, FromRequestParts, Json, Path as PathValue, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::IncomingStream;
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use tokio::net::UnixListener;

use super::actors::{Actors, Caller, user_name};
use super::messages::{
    CustomerChange, CustomerQuery, ExportTold, HitsQuery, PartnerEnd, PolicyPublish,
    PolicyRollback, PolicyShadow, Problem, ProblemKind, PurgeAsked, ROLE_HEADER, ReportQuery,
    SearchQuery, SimulateQuery, Suspend,
};
use super::{Administration, Deed, NotDone, Role};
use crate::drain;
use crate::source::FOLDER_BYTES_MAX;
use crate::terms::Principal;

/// The largest body, but for imports and policies.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The largest import.
pub const IMPORT_BYTES_MAX: usize = 256 * 1024 * 1024;

#[derive(Debug)]
struct Door {
    administration: Arc<Administration>,
    actors: Actors,
}

/// Binds the socket, in place of one left behind by a gateway that is gone. Needs a tokio runtime.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket {
        if BlockingStream::connect(path).is_ok() {
            let message = "another gateway answers on this socket";
            return Err(io::Error::new(io::ErrorKind::AddrInUse, message));
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o660))?;
    Ok(listener)
}

/// Serves until `shutdown` ends, then finishes what is under way.
pub async fn serve(
    listener: UnixListener,
    administration: Arc<Administration>,
    actors: Actors,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let door = Arc::new(Door {
        administration,
        actors,
    });
    let publish = post(publish).layer(DefaultBodyLimit::max(FOLDER_BYTES_MAX));
    let import = post(import_customers).layer(DefaultBodyLimit::max(IMPORT_BYTES_MAX));
    let simulate = post(simulate_policy).layer(DefaultBodyLimit::max(FOLDER_BYTES_MAX));
    let shadow = get(policy_shadow).post(change_shadow);
    let shadow = shadow.layer(DefaultBodyLimit::max(FOLDER_BYTES_MAX));
    let router = Router::new()
        .route("/partners", get(partners))
        .route("/partners/{id}", get(partner))
        .route("/partners/{id}/usage", get(usage_of))
        .route("/usage", get(usage))
        .route("/end", post(end))
        .route("/suspensions", get(suspended))
        .route("/suspend", post(suspend))
        .route("/resume", post(resume))
        .route("/customers/show", post(show_customers))
        .route("/ledger/search", post(search))
        .route("/ledger/report", post(report))
        .route("/ledger/reindex", post(reindex))
        .route("/ledger/export", post(export))
        .route("/ledger/evidence", post(evidence))
        .route("/ledger/holds", get(holds))
        .route("/ledger/hold", post(hold))
        .route("/ledger/release", post(release))
        .route("/ledger/purge", get(purge_plan).post(purge))
        .route("/customers/forget", post(forget))
        .route("/policy/history", get(policy_history))
        .route("/policy/proposal", get(policy_proposal))
        .route("/policy/sets/{name}", get(policy_set))
        .route("/policy/rollback", post(roll_back))
        .route("/policy/hits", post(policy_hits))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .route("/customers/import", import)
        .route("/policy/publish", publish)
        .route("/policy/simulate", simulate)
        .route("/policy/shadow", shadow)
        .with_state(door)
        .into_make_service_with_connect_info::<Peer>();
    let (close, time_is_up) = drain::bounded(shutdown);
    let serving = axum::serve(listener, router).with_graceful_shutdown(close);
    tokio::select! {
        served = serving.into_future() => served,
        // A caller that never finishes its request must not keep the gateway from stopping.
        () = time_is_up => Ok(()),
    }
}

/// The user at the other end, by the kernel's word; `None` where it has none.
#[derive(Clone, Copy, Debug)]
struct Peer(Option<u32>);

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().ok().map(|peer| peer.uid()))
    }
}

impl FromRequestParts<Arc<Door>> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Response> {
        let refused = |message: String| problem(StatusCode::FORBIDDEN, message);
        let peer = parts.extensions.get::<ConnectInfo<Peer>>();
        let uid = peer
            .and_then(|ConnectInfo(peer)| peer.0)
            .ok_or_else(|| refused("the system does not say who is calling".to_owned()))?;
        let role = match parts.headers.get(ROLE_HEADER) {
            None => None,
            Some(word) => {
                let role = word.to_str().ok().and_then(Role::parse);
                let known = super::words(&Role::ALL);
                Some(role.ok_or_else(|| refused(format!("roles are: {known}")))?)
            }
        };
        let caller = door.actors.caller(&user_name(uid), role);
        caller.map_err(|error| refused(error.to_string()))
    }
}

type Answer = Result<Response, NotDone>;

impl IntoResponse for NotDone {
    fn into_response(self) -> Response {
        let (error, kind) = (self.to_string(), self.kind());
        (self.status(), Json(Problem { error, kind })).into_response()
    }
}

fn problem(status: StatusCode, error: String) -> Response {
    let kind = ProblemKind::Other;
    (status, Json(Problem { error, kind })).into_response()
}

fn answer<T: Serialize>(value: Result<T, NotDone>) -> Answer {
    value.map(|value| Json(value).into_response())
}

async fn partners(State(door): State<Arc<Door>>, caller: Caller) -> Answer {
    answer(
        door.administration
            .partners(&caller.for_deed(Deed::PartnerRead)),
    )
}

async fn partner(
    State(door): State<Arc<Door>>,
    caller: Caller,
    PathValue(id): PathValue<String>,
) -> Answer {
    answer(
        door.administration
            .partner(&caller.for_deed(Deed::PartnerRead), &id)
            .await,
    )
}

async fn usage(State(door): State<Arc<Door>>, caller: Caller) -> Answer {
    let actor = caller.for_deed(Deed::PartnerRead);
    answer(door.administration.usage(&actor))
}

async fn usage_of(
    State(door): State<Arc<Door>>,
    caller: Caller,
    PathValue(id): PathValue<String>,
) -> Answer {
    let actor = caller.for_deed(Deed::PartnerRead);
    answer(door.administration.usage_of(&actor, &id))
}

async fn end(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(request): Json<PartnerEnd>,
) -> Answer {
    let actor = caller.for_deed(Deed::PartnerEnd);
    let administration = Arc::clone(&door.administration);
    let PartnerEnd { partner, because } = request;
    to_the_end(async move { administration.end(&actor, &partner, &because).await }).await
}

async fn suspended(State(door): State<Arc<Door>>, caller: Caller) -> Answer {
    let actor = caller.for_deed(Deed::PartnerRead);
    answer(door.administration.suspended(&actor).await)
}

async fn suspend(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(request): Json<Suspend>,
) -> Answer {
    let actor = caller.for_deed(Deed::PartnerSuspend);
    let principal = principal(&request)?;
    let administration = Arc::clone(&door.administration);
    let because = request.because;
    to_the_end(async move { administration.suspend(&actor, &principal, &because).await }).await
}

async fn resume(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(request): Json<Suspend>,
) -> Answer {
    let actor = caller.for_deed(Deed::PartnerResume);
    let principal = principal(&request)?;
    let administration = Arc::clone(&door.administration);
    let because = request.because;
    to_the_end(async move { administration.resume(&actor, &principal, &because).await }).await
}

fn principal(request: &Suspend) -> Result<Principal, NotDone> {
    let principal = Principal::parse(&request.kind, &request.name);
    principal.ok_or_else(|| {
        NotDone::Mistaken(format!(
            "`{}` names no {}: a partner has an id of lower-case letters, digits and `-`, a \
             certificate `sha256:` and 43 characters of base64url, a client and a token at most 256 \
             printable characters",
            request.name, request.kind
        ))
    })
}

async fn import_customers(State(door): State<Arc<Door>>, caller: Caller, body: Bytes) -> Answer {
    let lines = String::from_utf8(body.into())
        .map_err(|_| NotDone::Mistaken("an import is text in UTF-8".to_owned()))?;
    answer(
        door.administration
            .import_customers(&caller.for_deed(Deed::CustomersImport), lines)
            .await,
    )
}

async fn show_customers(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(query): Json<CustomerQuery>,
) -> Answer {
    answer(
        door.administration
            .customers(&caller.for_deed(Deed::CustomersShow), &query)
            .await,
    )
}

async fn search(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(query): Json<SearchQuery>,
) -> Answer {
    answer(
        door.administration
            .search(&caller.for_deed(Deed::LedgerSearch), query)
            .await,
    )
}

async fn report(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(query): Json<ReportQuery>,
) -> Answer {
    answer(
        door.administration
            .report(&caller.for_deed(Deed::LedgerReport), &query)
            .await,
    )
}

async fn reindex(State(door): State<Arc<Door>>, caller: Caller) -> Answer {
    let actor = caller.for_deed(Deed::LedgerReindex);
    answer(door.administration.reindex(&actor).await)
}

async fn export(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(told): Json<ExportTold>,
) -> Answer {
    let actor = caller.for_deed(Deed::LedgerExport);
    answer(door.administration.export_told(&actor, &told).await)
}

async fn evidence(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(query): Json<SearchQuery>,
) -> Answer {
    let actor = caller.for_deed(Deed::LedgerEvidence);
    let package = door.administration.evidence(&actor, &query).await?;
    let kind = [(http::header::CONTENT_TYPE, "application/zip")];
    Ok((kind, package).into_response())
}

async fn holds(State(door): State<Arc<Door>>, caller: Caller) -> Answer {
    let actor = caller.for_deed(Deed::LedgerSearch);
    answer(door.administration.holds(&actor).await)
}

async fn hold(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(change): Json<CustomerChange>,
) -> Answer {
    let actor = caller.for_deed(Deed::LedgerHold);
    let administration = Arc::clone(&door.administration);
    to_the_end(async move { administration.hold(&actor, &change).await }).await
}

async fn release(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(change): Json<CustomerChange>,
) -> Answer {
    let actor = caller.for_deed(Deed::LedgerRelease);
    let administration = Arc::clone(&door.administration);
    to_the_end(async move { administration.release(&actor, &change).await }).await
}

async fn purge_plan(State(door): State<Arc<Door>>, caller: Caller) -> Answer {
    let actor = caller.for_deed(Deed::LedgerPurge);
    answer(door.administration.purge_plan(&actor).await)
}

async fn purge(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(asked): Json<PurgeAsked>,
) -> Answer {
    let actor = caller.for_deed(Deed::LedgerPurge);
    let administration = Arc::clone(&door.administration);
    to_the_end(async move { administration.purge(&actor, &asked).await }).await
}

async fn forget(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(change): Json<CustomerChange>,
) -> Answer {
    let actor = caller.for_deed(Deed::CustomersForget);
    let administration = Arc::clone(&door.administration);
    to_the_end(async move { administration.forget(&actor, &change).await }).await
}

async fn publish(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(request): Json<PolicyPublish>,
) -> Answer {
    let actor = caller.for_deed(Deed::PolicyPublish);
    let administration = Arc::clone(&door.administration);
    to_the_end(async move { administration.publish(&actor, request).await }).await
}

async fn roll_back(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(request): Json<PolicyRollback>,
) -> Answer {
    let actor = caller.for_deed(Deed::PolicyRollback);
    let administration = Arc::clone(&door.administration);
    to_the_end(async move { administration.roll_back(&actor, request).await }).await
}

async fn policy_history(State(door): State<Arc<Door>>, caller: Caller) -> Answer {
    let actor = caller.for_deed(Deed::PolicyRead);
    answer(door.administration.policy_history(&actor).await)
}

async fn policy_proposal(State(door): State<Arc<Door>>, caller: Caller) -> Answer {
    let actor = caller.for_deed(Deed::PolicyRead);
    answer(door.administration.policy_proposal(&actor).await)
}

async fn policy_set(
    State(door): State<Arc<Door>>,
    caller: Caller,
    PathValue(name): PathValue<String>,
) -> Answer {
    let actor = caller.for_deed(Deed::PolicyRead);
    answer(door.administration.policy_set(&actor, &name).await)
}

/// A caller that goes away must not cut a change off between its entry and its effect.
async fn to_the_end<T: Serialize + Send + 'static>(
    change: impl Future<Output = Result<T, NotDone>> + Send + 'static,
) -> Answer {
    let broken = |_| NotDone::Mistaken("a defect ended the change; look at the log".to_owned());
    answer(tokio::spawn(change).await.map_err(broken)?)
}

async fn simulate_policy(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(query): Json<SimulateQuery>,
) -> Answer {
    answer(
        door.administration
            .simulate(&caller.for_deed(Deed::PolicySimulate), query)
            .await,
    )
}

async fn policy_hits(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(query): Json<HitsQuery>,
) -> Answer {
    let actor = caller.for_deed(Deed::PolicyHits);
    answer(door.administration.hits(&actor, query).await)
}

async fn policy_shadow(State(door): State<Arc<Door>>, caller: Caller) -> Answer {
    let actor = caller.for_deed(Deed::PolicyRead);
    answer(door.administration.policy_shadow(&actor).await)
}

async fn change_shadow(
    State(door): State<Arc<Door>>,
    caller: Caller,
    Json(request): Json<PolicyShadow>,
) -> Answer {
    let actor = caller.for_deed(Deed::PolicyShadow);
    let administration = Arc::clone(&door.administration);
    to_the_end(async move { administration.change_shadow(&actor, request).await }).await
}
