//! The contract of a sink for passwords.

use super::violation::{Verdict, holds, same, works};
use crate::model::{Attributes, Name, ObjectId, Value};
use crate::secret::Secret;
use crate::store::{InitialPassword, PasswordSink};

const IN_ORDER: &str = "prepare answers each password in the order given";
const EARLIER_WINS: &str = "a password prepared before and not confirmed wins";
const REPEATED: &str = "what is confirmed again changes nothing, whatever was prepared meanwhile";
const CONFIRMED: &str = "after it is confirmed a new password counts";

/// Runs the cases of [`PasswordSink`]'s contract.
///
/// `open` opens the same sink each time, empty at first, after the one before was dropped.
///
/// # Errors
///
/// The first sentence that does not hold.
pub async fn password_sink_suite<S: PasswordSink>(open: impl AsyncFn() -> S) -> Verdict {
    let sink = open().await;
    same(IN_ORDER, &prepare(&sink, &[]).await?, &texts(&[]))?;
    let hostile = "p\"a\\s\ns, wörd";
    let given = prepare(&sink, &[("a", "one"), ("b", hostile), ("c", "three")]).await?;
    same(IN_ORDER, &given, &texts(&["one", hostile, "three"]))?;
    same(EARLIER_WINS, &prepare(&sink, &[("b", "new"), ("d", "four")]).await?, &texts(&[hostile, "four"]))?;
    same(EARLIER_WINS, &prepare(&sink, &[("e", "five"), ("e", "new")]).await?, &texts(&["five", "five"]))?;
    let shown = format!("{sink:?}");
    holds("a password is not shown", !shown.contains("five"), || shown)?;
    drop(sink);

    let sink = open().await;
    same(EARLIER_WINS, &prepare(&sink, &[("b", "new")]).await?, &texts(&[hostile]))?;
    confirm(&sink, &["b"]).await?;
    confirm(&sink, &["b", "a"]).await?;
    confirm(&sink, &[]).await?;
    same(EARLIER_WINS, &prepare(&sink, &[("c", "new")]).await?, &texts(&["three"]))?;
    drop(sink);

    let sink = open().await;
    let again = [("a", "six"), ("b", "seven"), ("c", "new"), ("d", "new")];
    same(CONFIRMED, &prepare(&sink, &again).await?, &texts(&["six", "seven", "three", "four"]))?;
    confirm(&sink, &["b"]).await?;
    same(REPEATED, &prepare(&sink, &[("b", "new")]).await?, &texts(&["seven"]))?;
    drop(sink);

    let sink = open().await;
    confirm(&sink, &["b"]).await?;
    same(REPEATED, &prepare(&sink, &[("b", "new")]).await?, &texts(&["seven"]))
}

async fn prepare(sink: &impl PasswordSink, passwords: &[(&str, &str)]) -> Verdict<Vec<String>> {
    let passwords = passwords.iter().map(|(key, password)| {
        let account: Attributes = [(Name::from_static("userPrincipalName"), Value::text(*key))].into_iter().collect();
        InitialPassword::new(*key, account, Secret::from(*password))
    });
    let answers = works(IN_ORDER, sink.prepare(passwords.collect()).await)?;
    Ok(answers.iter().map(|secret| secret.expose().to_owned()).collect())
}

async fn confirm(sink: &impl PasswordSink, keys: &[&str]) -> Verdict {
    let created = keys.iter().map(|key| ((*key).to_owned(), ObjectId::user(format!("id of {key}"))));
    works("confirming is no error, nor is repeating it", sink.confirm(created.collect()).await)
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}
