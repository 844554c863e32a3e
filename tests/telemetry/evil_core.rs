//! A core that puts marked text wherever a core can: status line, headers, bodies, broken framing.
//! Calls for anyone but [`EVIL_IDS`] go on to an honest core.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// Customers for whom this core answers itself.
pub(crate) const EVIL_IDS: [&str; 13] = [
    "cus_evil_reason",
    "cus_evil_header",
    "cus_evil_name",
    "cus_evil_length",
    "cus_evil_chunk",
    "cus_evil_type",
    "cus_evil_key",
    "cus_evil_value",
    "cus_evil_redirect",
    "cus_evil_rejected",
    "cus_evil_upgrade",
    "cus_evil_greeting",
    "cus_evil_silent",
];

/// Marked, with what breaks lines and terminals.
const CANARY: &str = "canary-core\u{1b}[31m\u{2028}\u{85}end";

pub(crate) async fn start(honest: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Whatever goes wrong on a connection shows in what the gateway answers.
            tokio::spawn(async move { serve(stream, honest).await });
        }
    });
    address
}

/// A witness that answers each time in another way, with marked text wherever a witness can.
pub(crate) async fn start_witness() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let body = format!("\u{2014} {CANARY} canary\n");
    let answers = [
        format!(
            "HTTP/1.1 200 {CANARY}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ),
        format!("HTTP/1.1 409 x\r\ncontent-type: {CANARY}\r\ncontent-length: 7\r\n\r\ncanary\n"),
        format!("HTTP/1.1 307 x\r\nlocation: http://{CANARY}/\r\ncontent-length: 0\r\n\r\n"),
        format!("{CANARY}\r\n\r\n"),
    ];
    tokio::spawn(async move {
        for answer in answers.iter().cycle() {
            let (mut stream, _) = listener.accept().await.unwrap();
            // Asked for with a body of less than this.
            let mut request = vec![0; 65_536];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

async fn serve(mut stream: TcpStream, honest: SocketAddr) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let evil = EVIL_IDS.iter().find(|id| text.contains(&format!("/{id} ")));
    if let Some(id) = evil {
        if let Some(answer) = answer(id) {
            stream.write_all(answer.as_bytes()).await?;
        }
        return stream.shutdown().await;
    }
    // One call a connection, so that each is looked at.
    let mut onward = TcpStream::connect(honest).await?;
    let head = text.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    onward.write_all(head.as_bytes()).await?;
    copy_bidirectional(&mut stream, &mut onward).await?;
    Ok(())
}

fn answer(id: &str) -> Option<String> {
    let json = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nset-cookie: s=canary-cookie\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    Some(match id {
        "cus_evil_reason" => format!(
            "HTTP/1.1 500 canary-reason\r\nx-why: {CANARY}\r\nconnection: close\r\n\r\n{CANARY}"
        ),
        "cus_evil_header" => format!("HTTP/1.1 200 OK\r\nx-why: a\r\n{CANARY}\r\n\r\n{{}}"),
        "cus_evil_name" => "HTTP/1.1 200 OK\r\nx canary-name: a\r\n\r\n{}".to_owned(),
        "cus_evil_length" => {
            "HTTP/1.1 200 OK\r\ncontent-length: canary-length\r\n\r\n{}".to_owned()
        }
        "cus_evil_chunk" => "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\n\r\ncanary-chunk\r\n{}\r\n0\r\n\r\n"
            .to_owned(),
        "cus_evil_type" => {
            "HTTP/1.1 200 OK\r\ncontent-type: canary/type; canary=1\r\ncontent-length: 2\r\n\r\n{}"
                .to_owned()
        }
        "cus_evil_key" => json(r#"{"canary-key":1,"canary-key":2}"#),
        "cus_evil_value" => json(&format!(r#"{{"id":["{CANARY}"],"name":"canary-value"}}"#)),
        "cus_evil_redirect" => {
            "HTTP/1.1 302 Found\r\nlocation: http://canary-host/\r\ncontent-length: 0\r\n\r\n"
                .to_owned()
        }
        "cus_evil_rejected" => format!(
            "HTTP/1.1 422 canary-reason\r\ncontent-type: application/problem+json\r\n\
             connection: close\r\n\r\n{{\"detail\":\"{CANARY}\"}}"
        ),
        "cus_evil_upgrade" => {
            "HTTP/1.1 101 canary-reason\r\nupgrade: canary\r\nconnection: upgrade\r\n\r\n"
                .to_owned()
        }
        "cus_evil_greeting" => format!("220 canary-greeting {CANARY}\r\n"),
        _ => return None,
    })
}
