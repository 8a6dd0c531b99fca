//! What the shipped transport makes of servers that mean it ill.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use entrant::http::{ReqwestTransport, Transport};
use entrant::{Error, ErrorKind, Result};
use http::{Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What a server writes: a head, and then a piece again and again with a pause between, so often.
#[derive(Clone)]
struct Script {
    head: Vec<u8>,
    piece: Vec<u8>,
    times: usize,
    pause: Duration,
}

impl Script {
    fn once(text: impl AsRef<[u8]>) -> Self {
        Self { head: text.as_ref().to_vec(), piece: Vec::new(), times: 0, pause: Duration::ZERO }
    }

    fn without_end(head: impl AsRef<[u8]>, piece: impl AsRef<[u8]>) -> Self {
        Self { piece: piece.as_ref().to_vec(), times: usize::MAX, ..Self::once(head) }
    }

    fn slowly(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }
}

/// Where it listens, and how many bytes were taken from it.
async fn serve(script: Script) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}/?q=s3cret", listener.local_addr().expect("an address"));
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4_096];
            let _ = stream.read(&mut buffer).await;
            if stream.write_all(&script.head).await.is_err() {
                continue;
            }
            for _ in 0..script.times {
                if stream.write_all(&script.piece).await.is_err() {
                    break;
                }
                count.fetch_add(script.piece.len(), Ordering::Relaxed);
                if !script.pause.is_zero() {
                    tokio::time::sleep(script.pause).await;
                }
            }
        }
    });
    (address, taken)
}

const LIMIT: usize = 1024 * 1024;

async fn fetched(script: Script) -> (Result<Response<Bytes>>, usize) {
    let (address, taken) = serve(script).await;
    let transport =
        ReqwestTransport::builder().timeout(Duration::from_secs(2)).max_body_bytes(LIMIT).build().expect("a transport");
    let begun = Instant::now();
    let outcome = transport.send(Request::get(address).body(Bytes::new()).expect("a request")).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    if let Err(error) = &outcome {
        assert!(!format!("{error:?}{}", error.to_chain()).contains("s3cret"), "{error:?}");
    }
    (outcome, taken.load(Ordering::Relaxed))
}

async fn refused(what: &str, script: Script) -> (Error, usize) {
    let (outcome, taken) = fetched(script).await;
    (outcome.expect_err(what), taken)
}

/// A block of fixed codes: a zero, and then "the 258 before once more" without end, 13 bits each: eight of them are 13
/// bytes that unpack to 2 kB.
fn bomb() -> (Vec<u8>, Vec<u8>) {
    let mut bits: Vec<bool> = Vec::new();
    // Not the last block, fixed codes; the code of 0 is 00110000, most significant bit first.
    bits.extend([false, true, false]);
    bits.extend([false, false, true, true, false, false, false, false]);
    // To a whole byte, and on with eight repeats: length 285 is 11000101, distance 1 is 00000.
    let repeat = [true, true, false, false, false, true, false, true, false, false, false, false, false];
    while !bits.len().is_multiple_of(8) {
        bits.extend(repeat);
    }
    let bytes = |bits: &[bool]| -> Vec<u8> {
        let byte = |bits: &[bool]| bits.iter().enumerate().fold(0_u8, |byte, (at, bit)| byte | (u8::from(*bit) << at));
        bits.chunks(8).map(byte).collect()
    };
    let head = [&b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"[..], &bytes(&bits)].concat();
    let piece = bytes(&repeat.repeat(8));
    (head, piece.repeat(1_000))
}

/// 27 MB that unpack to 4 GB are refused when the limit is reached: after some 7 kB.
#[tokio::test]
async fn a_small_body_that_unpacks_to_gigabytes_is_cut_off() {
    let (start, piece) = bomb();
    let head = [&b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"[..], &start].concat();
    let (error, taken) = refused("a bomb", Script { times: 2_100, ..Script::without_end(head, piece) }).await;
    assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
    assert!(error.to_string().contains("larger than allowed"), "{error}");
    assert!(error.is_outcome_in_doubt());
    // What the buffers of the system hold was sent, too.
    assert!(taken < 16 * LIMIT, "{taken} bytes were taken");
}

/// The pattern is what it claims to be: what is within the limit comes out whole.
#[tokio::test]
async fn the_bomb_unpacks() {
    let (start, piece) = bomb();
    // The end: the code 256 is 0000000, then a last, empty block of fixed codes; its checksum is wrong.
    let packed = [start, piece[..130].to_vec()].concat();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", packed.len());
    let (error, _) = refused("cut off", Script::once([head.as_bytes(), &packed].concat())).await;
    assert_eq!(error.kind(), ErrorKind::Transport, "it is not whole: {error:?}");
}

#[tokio::test]
async fn slow_answers_end_at_the_total_deadline() {
    let drip = Duration::from_millis(50);
    let table = [
        ("a body", Script::without_end("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", "x")),
        ("chunks", Script::without_end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "1\r\nx\r\n")),
        ("a head", Script::without_end("HTTP/1.1 200 OK\r\nx: ", "x")),
        ("provisional answers", Script::without_end("", "HTTP/1.1 103 Early Hints\r\n\r\n")),
        ("nothing", Script::without_end("", "")),
    ];
    for (what, script) in table {
        let (error, _) = refused(what, script.slowly(drip)).await;
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{what}: {error:?}");
        assert!(error.is_outcome_in_doubt(), "{what}");
    }
}

#[tokio::test]
async fn heads_without_end_are_cut_off() {
    let table = [
        ("headers", Script::without_end("HTTP/1.1 200 OK\r\n", "x-header: value\r\n".repeat(100))),
        ("one header", Script::without_end("HTTP/1.1 200 OK\r\nx: ", "x".repeat(1_000))),
        ("a status line", Script::without_end("HTTP/1.1 200 ", "x".repeat(1_000))),
        ("provisional answers", Script::without_end("", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100))),
    ];
    for (what, script) in table {
        let (error, taken) = refused(what, script).await;
        assert!(matches!(error.kind(), ErrorKind::Transport | ErrorKind::TimedOut), "{what}: {error:?}");
        // Provisional answers are read and thrown away until the time is up.
        assert!(what == "provisional answers" || taken < 64 * LIMIT, "{what}: {taken} bytes were taken");
    }
}

/// Lengths and chunks that lie, bodies that end early, statuses that are none.
#[tokio::test]
async fn what_is_not_http_is_an_error() {
    let ok = "HTTP/1.1 200 OK\r\n";
    let chunked = format!("{ok}transfer-encoding: chunked\r\n\r\n");
    let table = [
        ("ends early", format!("{ok}content-length: 10\r\n\r\nhalf")),
        ("two lengths", format!("{ok}content-length: 1\r\ncontent-length: 2\r\n\r\nxx")),
        ("a negative length", format!("{ok}content-length: -1\r\n\r\nx")),
        ("a length that is no number", format!("{ok}content-length: 0x10\r\n\r\nx")),
        ("more than there is", format!("{ok}content-length: 18446744073709551615\r\n\r\nx")),
        ("more than fits a number", format!("{ok}content-length: 99999999999999999999999\r\n\r\nx")),
        ("a chunk that ends early", format!("{chunked}a\r\nhalf")),
        ("a chunk without a size", format!("{chunked}zz\r\nx\r\n0\r\n\r\n")),
        ("a chunk of any size", format!("{chunked}ffffffffffffffff\r\nx")),
        ("a chunk beyond any size", format!("{chunked}fffffffffffffffff\r\nx")),
        ("a negative chunk", format!("{chunked}-1\r\nx\r\n0\r\n\r\n")),
        ("a chunk longer than it says", format!("{chunked}1\r\nxxxx\r\n0\r\n\r\n")),
        ("no last chunk", format!("{chunked}1\r\nx\r\n")),
        ("another version", "HTTP/9.9 200 OK\r\n\r\n".to_owned()),
        ("no status", "HTTP/1.1 abc OK\r\n\r\n".to_owned()),
        ("a bare line feed in a header", format!("{ok}a\0b: c\r\n\r\n")),
        ("not packed", format!("{ok}content-encoding: gzip\r\ncontent-length: 5\r\n\r\nhello")),
        ("another language", "220 smtp.example ESMTP\r\n".to_owned()),
    ];
    for (what, text) in table {
        let (error, _) = refused(what, Script::once(&text)).await;
        let kinds = [ErrorKind::Transport, ErrorKind::Protocol, ErrorKind::TimedOut];
        assert!(kinds.contains(&error.kind()), "{what}: {error:?}");
        assert!(error.is_outcome_in_doubt(), "{what}: it may have been carried out: {error:?}");
    }
}
