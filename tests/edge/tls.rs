//! TLS: client certificates optional, but good if present.

use tokio::io::AsyncWriteExt;

use crate::server::{Authority, Identity, Server, limits, read_to_end};

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
