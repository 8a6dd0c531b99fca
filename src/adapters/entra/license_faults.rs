//! Which members of a group did not get its licences: a list that hangs on each group that has any.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::StreamExt;
use http::Method;
use serde::Deserialize;

use super::schema::{LICENSE_ERRORS, LICENSE_STATES, SKU_ID};
use crate::error::{Error, Result};
use crate::graph::{BatchRequest, BatchResponse, GraphClient};
use crate::model::{LicenseFault, Name, Record, Value};
use crate::odata::key_segment;

/// One page is enough to know that something is wrong; Graph gives 999 of a list at most.
const PAGE: &str = "999";

/// A page of members, each with what it did not get.
#[derive(Deserialize)]
struct Members {
    value: Vec<Member>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    id: String,
    #[serde(default)]
    license_assignment_states: Option<Vec<State>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    sku_id: String,
    assigned_by_group: Option<String>,
    error: Option<String>,
}

/// Reads of each group that has licences which members have not got them, and puts that in; of the others there are
/// none. A list that cannot be read is [partial](Record::partial), and stops no other.
///
/// See [list membersWithLicenseErrors](https://learn.microsoft.com/graph/api/group-list-memberswithlicenseerrors).
pub(super) async fn fill(client: &GraphClient, records: Vec<&mut Record>) {
    let mut asked = Vec::new();
    let mut requests = Vec::new();
    for record in records {
        let licenses = record.get(SKU_ID);
        let is_licensed =
            licenses.is_some_and(|licenses| !licenses.as_slice().is_empty()) || record.partial.contains_key(SKU_ID);
        match is_licensed.then(|| request(client, &record.id.id)) {
            None => put(record, Ok((BTreeSet::new(), false))),
            Some(Err(error)) => put(record, Err(error)),
            Some(Ok(request)) => {
                requests.push(request);
                asked.push(record);
            }
        }
    }
    let mut answers = client.batch(requests);
    while let Some((index, answer)) = answers.next().await {
        let Some(record) = asked.get_mut(index) else { continue };
        let group = Arc::clone(&record.id.id);
        let found = answer.and_then(BatchResponse::decode::<Members>);
        put(record, found.map(|members| (faults(&group, &members), members.next.is_some())));
    }
}

fn request(client: &GraphClient, group: &str) -> Result<BatchRequest> {
    let path = key_segment("/groups", group)? + "/membersWithLicenseErrors";
    client.request(Method::GET, path).select(["id", LICENSE_STATES]).query("$top", PAGE).into_batch()
}

/// What the members did not get from this group; what they did not get from another is that group's affair.
fn faults(group: &str, members: &Members) -> BTreeSet<LicenseFault> {
    let is_of_group = |state: &&State| {
        let by = state.assigned_by_group.as_deref();
        by.is_some_and(|by| by.eq_ignore_ascii_case(group))
    };
    let of_member = |member: &Member| {
        let states = member.license_assignment_states.iter().flatten().filter(is_of_group);
        let faults = states.filter_map(|state| {
            // The service has been seen to say `None` where it means null.
            let error = state.error.as_deref().filter(|error| !error.is_empty() && *error != "None")?;
            Some(LicenseFault::new(&*member.id, state.sku_id.to_ascii_lowercase(), error))
        });
        faults.collect::<Vec<_>>()
    };
    members.value.iter().flat_map(of_member).collect()
}

fn put(record: &mut Record, found: Result<(BTreeSet<LicenseFault>, bool), Error>) {
    let name = Name::from_static(LICENSE_ERRORS);
    let (faults, gap) = match found {
        Ok((faults, false)) => (faults, None),
        Ok((faults, true)) => (faults, Some("there are more than are shown".to_owned())),
        Err(error) => (BTreeSet::new(), Some(format!("could not be read: {}", error.to_chain()))),
    };
    record.attributes.insert(name.clone(), Value::list(faults.iter().map(LicenseFault::to_value)));
    if let Some(gap) = gap {
        record.partial.insert(name, gap);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug)]
    struct Nowhere;

    #[async_trait::async_trait]
    impl crate::http::Transport for Nowhere {
        async fn send(&self, _: http::Request<bytes::Bytes>) -> Result<http::Response<bytes::Bytes>> {
            Err(Error::new(crate::error::ErrorKind::Transport, "nothing is sent in these tests"))
        }
    }

    #[test]
    fn it_is_asked_for_what_each_member_lacks() {
        let token = crate::auth::StaticToken::new("t");
        let client = GraphClient::builder(token).transport(Nowhere).build().expect("complete");
        let request = request(&client, "a/../b").expect("an id");
        assert_eq!(
            (request.method.as_str(), request.url.as_str()),
            ("GET", "/groups/a%2F..%2Fb/membersWithLicenseErrors?$select=id,licenseAssignmentStates&$top=999")
        );
        super::request(&client, "").expect_err("that would be another list");
    }

    #[test]
    fn only_what_the_group_did_not_give_is_its_fault() {
        let state = |sku: &str, group: Option<&str>, error: Option<&str>| json!({"skuId": sku, "assignedByGroup": group, "error": error});
        let members = json!({"value": [
            {"id": "a", "licenseAssignmentStates": [
                state("E3", Some("G"), Some("CountViolation")),
                state("E5", Some("other"), Some("CountViolation")),
                state("F3", None, Some("Other")),
                state("P1", Some("g"), Some("None")),
                state("P2", Some("g"), None),
            ]},
            {"id": "b", "licenseAssignmentStates": null},
            {"id": "c"},
        ]});
        let members: Members = serde_json::from_value(members).expect("a page");
        let found: Vec<_> = faults("g", &members).into_iter().collect();
        assert_eq!(found, [LicenseFault::new("a", "e3", "CountViolation")]);
    }
}
