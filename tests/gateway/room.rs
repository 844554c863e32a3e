//! Answers that do not fit the buffers of a connection take room, of which a partner has its part: a call
//! for which there is none is told to come again, and what needs none is served all the while.

use std::time::Duration;

use crate::caller::Call;
use crate::lab::Scripted;
use crate::large::{EXPORT, EXPORT_PATH, JSON};
use crate::refusals::refused;
use crate::stand::SERVICE;

/// So many of the largest answers that are judged whole fill a partner's room.
const ANSWERS_OF_PARTNER: usize = 8;

#[tokio::test]
async fn an_answer_for_which_there_is_no_room_is_not_read_and_small_ones_are_served_meanwhile() {
    let (stand, core) = EXPORT
        .start(&[], |config| {
            config.limits.whole_answer_bytes_max = 1 << 20;
        })
        .await;
    // How long it is shows at its end: until then it takes the room of the largest.
    let begins = format!(r#"{{"count":0,{}"#, " ".repeat(100 << 10));
    let pause = Duration::from_secs(6);
    let slow = Scripted::new(JSON, begins).then(pause, r#""data":[]}"#);
    core.answer(EXPORT_PATH, slow);
    let mut asked = Vec::new();
    for _ in 0..=ANSWERS_OF_PARTNER {
        let mut acme = stand.partner("acme").await;
        let asking = async move { acme.call(Call::get(EXPORT_PATH).purpose(SERVICE)).await };
        asked.push(tokio::spawn(asking));
    }
    while core.received().len() <= ANSWERS_OF_PARTNER {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    core.answer(EXPORT_PATH, Scripted::new(JSON, r#"{"count":0,"data":[]}"#));
    let mut acme = stand.partner("acme").await;
    assert_eq!(acme.get(EXPORT_PATH, SERVICE).await.status, 200);
    let mut served = 0;
    for asked in asked {
        let reply = asked.await.unwrap();
        if reply.status == 200 {
            served += 1;
        } else {
            refused(&reply, 503, "overloaded");
            assert_eq!(reply.header("retry-after"), "1");
        }
    }
    assert_eq!(served, ANSWERS_OF_PARTNER);
    // And their room is free again.
    let long = format!(r#"{{"count":0,{}"data":[]}}"#, " ".repeat(100 << 10));
    core.answer(EXPORT_PATH, Scripted::new(JSON, long));
    assert_eq!(acme.get(EXPORT_PATH, SERVICE).await.status, 200);
}
