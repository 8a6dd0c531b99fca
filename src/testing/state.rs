//! The contract of a state.

use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;

use super::violation::{Verdict, fails, holds, same, works};
use crate::error::ErrorKind;
use crate::store::{Batch, Lease, State, Table};

/// How long leases are taken for here.
const TTL: Duration = Duration::from_secs(4);

const ATOMIC: &str = "a batch is written whole or not at all";
const DURABLE: &str = "what was committed is there, also when the state is opened again";
const ORDER: &str = "operations of a batch are carried out in their order";
const SCAN: &str = "a scan yields the keys with the prefix, in the order of their bytes";
const FENCED: &str = "a commit under a lease that another took over, or that was given back, writes nothing";
const ONE_HOLDER: &str = "a lease is given to one only while it lasts";
const FENCES_RISE: &str = "each lease of a name has a higher fence than all before it, also over restarts";
const RENEWED: &str = "a renewed lease lasts from now";
const HOLDER: &str = "asking who holds a lease is no error, and nobody holds one that was given back";
const FORGIVING: &str = "giving back a lease that is no longer held is no error, and takes it from nobody";

/// Runs the cases of [`State`]'s contract.
///
/// `open` opens the same state each time, empty at first; several may be open at once. `pass` lets this much time pass
/// on the clock that dates the leases: it moves a manual clock, or sleeps (some seconds in all).
///
/// # Errors
///
/// The first sentence that does not hold.
pub async fn state_suite<S: State>(open: impl AsyncFn() -> S, pass: impl AsyncFn(Duration)) -> Verdict {
    values(&open).await?;
    scans(&open().await).await?;
    leases(&open, &pass).await
}

async fn values<S: State>(open: &impl AsyncFn() -> S) -> Verdict {
    let state = open().await;
    let lease = take(&state, "values").await?;
    let binary: Vec<u8> = (0..=255).collect();
    let large = vec![b'x'; 1 << 20];
    let mut batch = Batch::new();
    batch.put(Table::Links, "key", "value");
    batch.put(Table::Links, binary.clone(), binary.clone());
    batch.put(Table::Links, "empty", "");
    batch.put(Table::Journal, "key", large.clone());
    batch.put(Table::Links, "gone", "1");
    batch.remove(Table::Links, "gone");
    batch.remove(Table::Links, "back");
    batch.put(Table::Links, "back", "1");
    batch.put(Table::Links, "twice", "1");
    batch.put(Table::Links, "twice", "2");
    batch.remove(Table::Links, "never there");
    works(ATOMIC, state.commit(&lease, batch).await)?;
    works(ATOMIC, state.commit(&lease, Batch::new()).await)?;

    for state in [state, open().await] {
        let get = async |table, key: &[u8]| works(DURABLE, state.get(table, key).await);
        same(DURABLE, &get(Table::Links, b"key").await?, &Some(b"value".to_vec()))?;
        same(DURABLE, &get(Table::Links, &binary).await?, &Some(binary.clone()))?;
        same(DURABLE, &get(Table::Links, b"empty").await?, &Some(Vec::new()))?;
        same("tables are apart", &get(Table::LinkSets, b"key").await?, &None)?;
        same(DURABLE, &get(Table::Journal, b"key").await?.map(|value| value == large), &Some(true))?;
        same(ORDER, &get(Table::Links, b"gone").await?, &None)?;
        same(ORDER, &get(Table::Links, b"back").await?, &Some(b"1".to_vec()))?;
        same(ORDER, &get(Table::Links, b"twice").await?, &Some(b"2".to_vec()))?;
    }
    works(FORGIVING, open().await.release(lease).await)
}

async fn scans(state: &impl State) -> Verdict {
    let lease = take(state, "scans").await?;
    let mut keys: Vec<Vec<u8>> = (0..2_500_u32).map(|n| format!("many/{n}").into_bytes()).collect();
    keys.extend([
        b"p".to_vec(),
        b"p\0".to_vec(),
        b"p\xff".to_vec(),
        b"p\xff\xff".to_vec(),
        b"q".to_vec(),
        b"o".to_vec(),
    ]);
    let mut batch = Batch::new();
    for key in &keys {
        batch.put(Table::Removals, key.clone(), key.clone());
    }
    works(SCAN, state.commit(&lease, batch).await)?;
    keys.sort();
    for prefix in [&b""[..], b"p", b"p\xff", b"many/1", b"nothing"] {
        let mut seen = Vec::new();
        let mut rows = state.scan(Table::Removals, prefix);
        while let Some(row) = rows.next().await {
            let (key, value) = works(SCAN, row)?;
            same(SCAN, &value, &key)?;
            seen.push(key);
        }
        let expected: Vec<_> = keys.iter().filter(|key| key.starts_with(prefix)).cloned().collect();
        holds(SCAN, seen == expected, || {
            format!("{} keys instead of {}, or in another order", seen.len(), expected.len())
        })?;
    }
    let mut given_up = state.scan(Table::Removals, b"");
    let _ = given_up.next().await;
    drop(given_up);
    let mut batch = Batch::new();
    batch.put(Table::Removals, "r", "after a scan was given up");
    works("a scan that is given up holds nothing back", state.commit(&lease, batch).await)?;
    works(FORGIVING, state.release(lease).await)
}

async fn leases<S: State>(open: &impl AsyncFn() -> S, pass: &impl AsyncFn(Duration)) -> Verdict {
    let state = open().await;
    let other = open().await;
    let first = take(&state, "job").await?;
    same(ONE_HOLDER, &works(ONE_HOLDER, other.lease("job", TTL).await)?.is_none(), &true)?;
    let neighbour = take(&other, "another job").await?;
    works(ONE_HOLDER, put(&other, &neighbour, "neighbour").await)?;

    pass(TTL * 3 / 4).await;
    let renewed = works(RENEWED, state.renew(&first, TTL).await)?;
    same(RENEWED, &renewed.map(|lease| lease.fence), &Some(first.fence))?;
    pass(TTL * 3 / 4).await;
    same(RENEWED, &works(RENEWED, other.lease("job", TTL).await)?.is_none(), &true)?;
    works(RENEWED, put(&state, &first, "renewed").await)?;

    pass(TTL * 2).await;
    let second = take(&other, "job").await?;
    holds(FENCES_RISE, second.fence > first.fence, || format!("{second:?} after {first:?}"))?;
    let mut batch = Batch::new();
    batch.put(Table::Links, "stale", "1");
    batch.remove(Table::Links, "renewed");
    fails(FENCED, state.commit(&first, batch).await, ErrorKind::Leased)?;
    same(FENCED, &works(FENCED, other.get(Table::Links, b"stale").await)?, &None)?;
    same(FENCED, &works(FENCED, other.get(Table::Links, b"renewed").await)?.is_some(), &true)?;
    same(RENEWED, &works(RENEWED, state.renew(&first, TTL).await)?, &None)?;
    works(FORGIVING, state.release(first).await)?;
    works(FORGIVING, put(&other, &second, "second").await)?;

    works(HOLDER, state.holder("job").await)?;
    works(FORGIVING, other.release(second.clone()).await)?;
    same(HOLDER, &works(HOLDER, state.holder("job").await)?, &None)?;
    works(FORGIVING, other.release(second.clone()).await)?;
    fails(FENCED, put(&other, &second, "released").await, ErrorKind::Leased)?;
    same(RENEWED, &works(RENEWED, other.renew(&second, TTL).await)?, &None)?;
    let third = take(&open().await, "job").await?;
    holds(FENCES_RISE, third.fence > second.fence, || format!("{third:?} after {second:?}"))?;

    let stranger = Lease::new("never given out", 1, third.expires);
    fails(FENCED, put(&state, &stranger, "stranger").await, ErrorKind::Leased)?;

    let at_once = join_all((0..8).map(|_| state.lease("at once", TTL))).await;
    let given = at_once.into_iter().filter(|lease| matches!(lease, Ok(Some(_)))).count();
    same(ONE_HOLDER, &given, &1)
}

async fn take(state: &impl State, name: &str) -> Verdict<Lease> {
    const FREE: &str = "a lease that nobody holds is given";
    let lease = works(FREE, state.lease(name, TTL).await)?;
    holds(FREE, lease.is_some(), || "none".into())?;
    let lease = lease.expect("it was just seen to be there");
    same("a lease carries its name", &&*lease.name, &name)?;
    Ok(lease)
}

async fn put(state: &impl State, lease: &Lease, key: &str) -> crate::error::Result<()> {
    let mut batch = Batch::new();
    batch.put(Table::Links, key, "1");
    state.commit(lease, batch).await
}
