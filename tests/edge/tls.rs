//! TLS: client certificates optional, but good if present, and as long as the connection lasts.

use std::time::Duration;

use covenant::edge::limits::Limits;
use rcgen::{BasicConstraints, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, date_time_ymd};
use rustls::HandshakeKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use crate::server::{Authority, Identity, Server, limits, read_to_end};

/// Within which a connection ends whose certificate was revoked; it might idle for sixty seconds.
const ENDS_WITHIN: Duration = Duration::from_secs(5);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n";

/// Limits under which an idle connection stays.
fn patient() -> Limits {
    Limits {
        first_byte_seconds_max: 60,
        head_seconds_max: 60,
        idle_seconds_max: 60,
        ..limits()
    }
}

/// One request on a connection that stays open: whether it is answered.
async fn answers(stream: &mut TlsStream<TcpStream>) -> bool {
    let mut answer = [0; 8 * 1024];
    if stream.write_all(REQUEST).await.is_err() {
        return false;
    }
    matches!(stream.read(&mut answer).await, Ok(count) if count > 0)
}

async fn ends(stream: &mut TlsStream<TcpStream>) -> bool {
    timeout(ENDS_WITHIN, read_to_end(stream)).await.is_ok()
}

/// What the server says to a request on a connection with this certificate; nothing if it hangs up.
async fn greeted(server: &Server, identity: Option<Identity>) -> String {
    let Ok(mut stream) = server.connect_as("http/1.1", identity).await else {
        return String::new();
    };
    let request = "GET / HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n";
    let _ = stream.write_all(request.as_bytes()).await;
    String::from_utf8(read_to_end(&mut stream).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_certificate_may_be_absent_but_not_foreign() {
    let server = Server::start().await;
    assert!(greeted(&server, None).await.contains("certificate=none"));
    let ours = server.authority.issue("acme.partners.example", 2);
    assert!(
        greeted(&server, Some(ours))
            .await
            .contains("certificate=acme.partners.example")
    );
    let foreign = Authority::new().issue("acme.partners.example", 2);
    assert_eq!(greeted(&server, Some(foreign)).await, "");
    server.stop().await;
}

#[tokio::test]
async fn a_revoked_certificate_and_an_expired_list_refuse() {
    let authority = Authority::new();
    let (revoked, good) = (
        authority.issue("a.example", 7),
        authority.issue("b.example", 8),
    );
    let list = authority.revocation_list(7, 2099);
    let server = Server::start_with(limits(), authority, list).await;
    assert_eq!(greeted(&server, Some(revoked)).await, "");
    assert!(
        greeted(&server, Some(good))
            .await
            .contains("certificate=b.example")
    );
    server.stop().await;

    let authority = Authority::new();
    let good = authority.issue("b.example", 8);
    let expired = authority.revocation_list(7, 2025);
    let server = Server::start_with(limits(), authority, expired).await;
    assert_eq!(greeted(&server, Some(good)).await, "");
    server.stop().await;
}

#[tokio::test]
async fn every_kind_of_broken_certificate_fails_the_handshake() {
    let root = Authority::new();
    let name = "acme.partners.example";
    let usage = |usages: &[KeyUsagePurpose]| {
        let usages = usages.to_vec();
        move |params: &mut rcgen::CertificateParams| params.key_usages = usages
    };
    let purpose = |purposes: &[ExtendedKeyUsagePurpose]| {
        let purposes = purposes.to_vec();
        move |params: &mut rcgen::CertificateParams| params.extended_key_usages = purposes
    };
    let constrained = |length| {
        move |params: &mut rcgen::CertificateParams| {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(length));
        }
    };
    let deep = (0..5).fold(root.below(|_| ()), |above, _| above.below(|_| ()));
    let no_ca = root.below(|params| params.is_ca = IsCa::NoCa);
    let explicitly_no_ca = root.below(|params| params.is_ca = IsCa::ExplicitNoCa);
    let no_issuer = root.below(|params| params.key_usages = vec![KeyUsagePurpose::CrlSign]);
    let expired = root.below(|params| params.not_after = date_time_ymd(2025, 1, 1));
    let unsent = {
        let mut identity = root.below(|_| ()).issue(name, 2);
        identity.chain.truncate(1);
        identity
    };
    let broken = [
        (
            "expired",
            root.issue_as(name, |params| params.not_after = date_time_ymd(2025, 1, 1)),
        ),
        (
            "not valid yet",
            root.issue_as(name, |params| params.not_before = date_time_ymd(2090, 1, 1)),
        ),
        (
            "for servers",
            root.issue_as(name, purpose(&[ExtendedKeyUsagePurpose::ServerAuth])),
        ),
        (
            "for code",
            root.issue_as(name, purpose(&[ExtendedKeyUsagePurpose::CodeSigning])),
        ),
        (
            "not for signing",
            root.issue_as(name, usage(&[KeyUsagePurpose::KeyEncipherment])),
        ),
        ("an authority itself", root.issue_as(name, constrained(0))),
        ("of an unknown authority", Authority::new().issue(name, 2)),
        (
            "of an authority with the same name",
            Authority::new().below(|_| ()).issue(name, 2),
        ),
        (
            "too long a path",
            root.below(constrained(0)).below(|_| ()).issue(name, 2),
        ),
        ("issued by no authority", no_ca.issue(name, 2)),
        (
            "issued by what says that it is none",
            explicitly_no_ca.issue(name, 2),
        ),
        ("issued by what may not issue", no_issuer.issue(name, 2)),
        ("issued by what has expired", expired.issue(name, 2)),
        ("without its issuer", unsent),
        ("with too many issuers", deep.issue(name, 2)),
    ];
    let fine = [
        ("plain", root.issue(name, 2)),
        (
            "for clients",
            root.issue_as(name, |params| {
                params.extended_key_usages = vec![
                    ExtendedKeyUsagePurpose::ServerAuth,
                    ExtendedKeyUsagePurpose::ClientAuth,
                ];
                params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            }),
        ),
        (
            "by an intermediate",
            root.below(constrained(0)).issue(name, 2),
        ),
        (
            "by two",
            root.below(constrained(1))
                .below(constrained(0))
                .issue(name, 2),
        ),
    ];
    let server = Server::start_with(patient(), root, String::new()).await;
    for (what, identity) in broken {
        assert_eq!(greeted(&server, Some(identity)).await, "", "{what}");
    }
    for (what, identity) in fine {
        let greeting = greeted(&server, Some(identity)).await;
        assert!(greeting.contains("certificate=acme"), "{what}: {greeting}");
    }
    assert_eq!(server.seen(), 4);
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_revoked_while_it_is_connected_loses_its_connections_and_nobody_else_does() {
    let authority = Authority::new();
    let issue = |serial| authority.issue("a.example", serial);
    let (revoked, good, again) = (issue(7), issue(8), issue(7));
    let nobody = authority.revocation_list(1, 2099);
    let list = authority.revocation_list(7, 2099);
    let server = Server::start_with(patient(), authority, nobody).await;
    let client = server.client("http/1.1", Some(revoked));
    let mut idle = server.connect_with(client.clone()).await.unwrap();
    assert!(answers(&mut idle).await);
    let mut silent = server.connect_with(client.clone()).await.unwrap();
    let mut streaming = server.connect_as("h2", Some(again)).await.unwrap();
    let mut other = server.connect_as("http/1.1", Some(good)).await.unwrap();
    let mut nobodys = server.connect("http/1.1").await;
    assert!(answers(&mut other).await);
    server.reload(&list);
    for lost in [&mut idle, &mut silent, &mut streaming] {
        assert!(ends(lost).await);
    }
    assert!(answers(&mut other).await);
    assert!(answers(&mut nobodys).await);
    // A new connection may have a session of the old one, which is forgotten.
    let resumed = server.connect_with(client).await;
    let refused = match resumed {
        Ok(mut stream) => !answers(&mut stream).await,
        Err(_) => true,
    };
    assert!(refused);
    server.stop().await;
}

#[tokio::test]
async fn a_resumed_session_is_judged_again_by_the_time_it_is_resumed() {
    let authority = Authority::new();
    let identity = authority.issue("a.example", 8);
    let short = authority.revocation_list_for(7, 4);
    let server = Server::start_with(patient(), authority, short).await;
    let client = server.client("http/1.1", Some(identity));
    let mut first = server.connect_with(client.clone()).await.unwrap();
    assert!(answers(&mut first).await);
    let mut second = server.connect_with(client.clone()).await.unwrap();
    let kind = second.get_ref().1.handshake_kind();
    assert_eq!(kind, Some(HandshakeKind::Resumed));
    assert!(answers(&mut second).await);
    tokio::time::sleep(Duration::from_secs(5)).await;
    // The list has expired meanwhile.
    let refused = match server.connect_with(client).await {
        Ok(mut stream) => !answers(&mut stream).await,
        Err(_) => true,
    };
    assert!(refused);
    server.stop().await;
}
