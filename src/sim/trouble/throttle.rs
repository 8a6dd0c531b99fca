//! Throttling by load: what requests cost, and the buckets that they are paid from.

use std::collections::HashMap;
use std::time::Duration;

use time::OffsetDateTime;

use crate::sim::lists::query::{Target, option_name};

/// Graph's limits of resource units and writes, which depend on the size of the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GraphLimits {
    /// Fewer than 50 users: 3,500 resource units in ten seconds.
    Small,
    /// 50 to 500 users: 5,000 resource units in ten seconds.
    Medium,
    /// More than 500 users: 8,000 resource units in ten seconds.
    Large,
}

/// What a request costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) units: u32,
    pub(crate) writes: u32,
}

/// All limits of a tenant.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    of: Resource,
    scope: Scope,
    limit: f64,
    per_second: f64,
    /// How far rejected requests overdraw a bucket, in parts of the limit; `None`: they cost nothing.
    overdraft: Option<f64>,
    /// By application; of the tenant under no name.
    buckets: HashMap<String, Bucket>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    Units,
    Writes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Application,
    Tenant,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: OffsetDateTime,
}

/// What a request that is let through is told.
#[derive(Debug, PartialEq)]
pub(crate) struct Passed {
    /// The part of the limit that is used, once it is above 0.8.
    pub(crate) used: Option<f64>,
}

/// What a request that is not let through is told.
#[derive(Debug, PartialEq)]
pub(crate) struct Throttled {
    pub(crate) retry_after: String,
    /// `Tenant_Application/Write`.
    pub(crate) scope: &'static str,
    pub(crate) information: &'static str,
    pub(crate) used: f64,
}

/// From here on a client is told how much it uses.
const TOLD_FROM: f64 = 0.8;
/// Rejected requests count too, until this much more than the limit is used.
const OVERDRAFT: f64 = 0.8;

impl Throttle {
    /// The limits that Microsoft publishes for an application in a tenant, and for the tenant.
    pub(crate) fn graph(&mut self, limits: GraphLimits) {
        let units = match limits {
            GraphLimits::Small => 3_500.0,
            GraphLimits::Medium => 5_000.0,
            GraphLimits::Large => 8_000.0,
        };
        for (of, scope, limit, seconds) in [
            (Resource::Units, Scope::Application, units, 10.0),
            (Resource::Writes, Scope::Application, 3_000.0, 150.0),
            (Resource::Writes, Scope::Tenant, 18_000.0, 300.0),
        ] {
            self.rule(of, scope, limit, seconds, Some(OVERDRAFT));
        }
    }

    /// So many writes of an application in such a time.
    pub(crate) fn writes(&mut self, limit: u32, per: Duration) {
        self.rule(Resource::Writes, Scope::Application, f64::from(limit), per.as_secs_f64(), None);
    }

    fn rule(&mut self, of: Resource, scope: Scope, limit: f64, seconds: f64, overdraft: Option<f64>) {
        let per_second = limit / seconds.max(0.001);
        self.rules.push(Rule { of, scope, limit, per_second, overdraft, buckets: HashMap::new() });
    }

    /// Takes what a request costs, or from nothing if one limit does not have it.
    pub(crate) fn charge(&mut self, client: &str, cost: Cost, now: OffsetDateTime) -> Result<Passed, Throttled> {
        for rule in &mut self.rules {
            rule.fill(client, now);
        }
        let short = self.rules.iter().filter_map(|rule| rule.lacks(client, cost)).max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((wait, rule)) = short else {
            let used = self.rules.iter_mut().map(|rule| rule.take(client, cost, 0.0)).fold(0.0, f64::max);
            return Ok(Passed { used: (used > TOLD_FROM).then_some(used) });
        };
        let (scope, information) = rule.names();
        let retry_after = match rule.overdraft {
            Some(_) => format!("{wait:.3}"),
            None => format!("{:.0}", wait.ceil().max(1.0)),
        };
        let mut used: f64 = 1.0;
        for rule in &mut self.rules {
            if let Some(overdraft) = rule.overdraft {
                used = used.max(rule.take(client, cost, overdraft));
            }
        }
        Err(Throttled { retry_after, scope, information, used })
    }
}

impl Rule {
    fn key<'a>(&self, client: &'a str) -> &'a str {
        if self.scope == Scope::Tenant { "" } else { client }
    }

    fn cost(&self, cost: Cost) -> f64 {
        f64::from(match self.of {
            Resource::Units => cost.units,
            Resource::Writes => cost.writes,
        })
    }

    fn names(&self) -> (&'static str, &'static str) {
        match (self.scope, self.of) {
            (Scope::Application, Resource::Units) => ("Tenant_Application/ReadWrite", "ResourceUnitLimitExceeded"),
            (Scope::Application, Resource::Writes) => ("Tenant_Application/Write", "WriteLimitExceeded"),
            (Scope::Tenant, Resource::Units) => ("Tenant/ReadWrite", "ResourceUnitLimitExceeded"),
            (Scope::Tenant, Resource::Writes) => ("Tenant/Write", "WriteLimitExceeded"),
        }
    }

    /// Adds what has come since the last request.
    fn fill(&mut self, client: &str, now: OffsetDateTime) {
        let (limit, per_second) = (self.limit, self.per_second);
        let key = self.key(client).to_owned();
        let bucket = self.buckets.entry(key).or_insert(Bucket { left: limit, at: now });
        let passed = (now - bucket.at).as_seconds_f64().max(0.0);
        bucket.left = (bucket.left + passed * per_second).min(limit);
        bucket.at = now.max(bucket.at);
    }

    fn left(&self, client: &str) -> f64 {
        self.buckets.get(self.key(client)).map_or(self.limit, |bucket| bucket.left)
    }

    /// How long it takes until a request can be paid, if it cannot be now.
    fn lacks(&self, client: &str, cost: Cost) -> Option<(f64, &Self)> {
        let cost = self.cost(cost).min(self.limit);
        let lacking = cost - self.left(client);
        // What rounding leaves is not lacking.
        (cost > 0.0 && lacking > 1e-6).then(|| (lacking / self.per_second, self))
    }

    /// Takes the cost; answers the part of the limit that is used.
    fn take(&mut self, client: &str, cost: Cost, overdraft: f64) -> f64 {
        let (limit, cost) = (self.limit, self.cost(cost));
        let key = self.key(client).to_owned();
        match self.buckets.get_mut(&key) {
            Some(bucket) if cost > 0.0 => {
                let floor = (-overdraft * limit).min(bucket.left);
                bucket.left = (bucket.left - cost).max(floor);
                (limit - bucket.left) / limit
            }
            _ => 0.0,
        }
    }
}

/// What Microsoft's table says that a request costs. The envelope of a batch costs nothing; its items do.
pub(crate) fn cost(path: &[&str], method: &str, target: &Target) -> Cost {
    let option =
        |wanted: &str| target.options.iter().find(|(name, _)| option_name(name) == wanted).map(|(_, value)| value);
    let selects = option("select").is_some();
    let (units, writes) = match (path, method) {
        (["$batch"], _) => return Cost { units: 0, writes: 0 },
        (["users"] | ["applications"], "GET") => (2, 0),
        (["groups", _, "members", ..], "GET") => (3, 0),
        (["groups", _, "transitivemembers", ..], "GET") => (5, 0),
        ([_, _, "memberof" | "transitivememberof" | "ownedobjects" | "licensedetails", ..], "GET") => (2, 0),
        (["subscribedskus", ..], "GET") => (3, 0),
        (["domains", _, "domainnamereferences"], "GET") => (4, 0),
        (_, "GET") => (1, 0),
        ([_, _, "checkmembergroups" | "checkmemberobjects" | "ismemberof"], _) => (4, 0),
        ([_, _, "getmembergroups" | "getmemberobjects"], _) => (2, 0),
        (["directoryobjects", "getbyids"], _) => return Cost { units: if selects { 2 } else { 5 }, writes: 0 },
        _ => (1, 1),
    };
    let is_short = option("top").and_then(|top| top.trim().parse::<u32>().ok()).is_some_and(|top| top < 20);
    let less = u32::from(selects) + u32::from(is_short);
    let units = units + u32::from(option("expand").is_some());
    Cost { units: units.saturating_sub(less).max(1), writes }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-01-01 0:00 UTC);
    const WRITE: Cost = Cost { units: 1, writes: 1 };

    #[test]
    fn requests_cost_what_the_table_says() {
        for (method, address, units, writes) in [
            ("GET", "/v1.0/users", 2, 0),
            ("GET", "/v1.0/users?$select=id", 1, 0),
            ("GET", "/v1.0/users?$select=id&$top=5", 1, 0),
            ("GET", "/v1.0/users?$top=20&$expand=manager", 3, 0),
            ("GET", "/v1.0/users/1", 1, 0),
            ("GET", "/v1.0/groups/1/members", 3, 0),
            ("GET", "/v1.0/groups/1/members?$select=id&$top=1", 1, 0),
            ("GET", "/v1.0/groups/1/transitivemembers", 5, 0),
            ("GET", "/v1.0/users/1/memberof", 2, 0),
            ("GET", "/v1.0/subscribedskus", 3, 0),
            ("POST", "/v1.0/users/1/checkmembergroups", 4, 0),
            ("POST", "/v1.0/users/1/getmemberobjects", 2, 0),
            ("POST", "/v1.0/directoryobjects/getbyids", 5, 0),
            ("POST", "/v1.0/directoryobjects/getbyids?$select=id", 2, 0),
            ("POST", "/v1.0/users", 1, 1),
            ("DELETE", "/v1.0/groups/1/members/2/$ref", 1, 1),
            ("POST", "/v1.0/users/1/assignlicense", 1, 1),
            ("POST", "/v1.0/$batch", 0, 0),
        ] {
            let target = Target::parse(address).expect(address);
            let path: Vec<&str> = target.segments.iter().skip(1).map(String::as_str).collect();
            assert_eq!(cost(&path, method, &target), Cost { units, writes }, "{method} {address}");
        }
    }

    #[test]
    fn a_write_limit_refills_evenly_and_forgives_rejected_requests() {
        let mut throttle = Throttle::default();
        throttle.writes(100, Duration::from_secs(1));
        let mut passed = |now| (0..1_000).filter(|_| throttle.charge("a", WRITE, now).is_ok()).count();
        assert_eq!(passed(NOW), 100);
        assert_eq!(passed(NOW + Duration::from_millis(500)), 50);
        assert_eq!(passed(NOW + Duration::from_secs(60)), 100, "no more than the limit is saved");
        let refused = throttle.charge("a", WRITE, NOW + Duration::from_secs(60)).expect_err("none left");
        assert_eq!((refused.retry_after.as_str(), refused.scope), ("1", "Tenant_Application/Write"));
        assert!(throttle.charge("a", Cost { units: 5, writes: 0 }, NOW).is_ok(), "reads are free");
        assert!(throttle.charge("b", WRITE, NOW + Duration::from_secs(60)).is_ok(), "another application");
    }

    #[test]
    fn graphs_limits_count_rejected_requests_and_tell_how_much_is_used() {
        let mut throttle = Throttle::default();
        throttle.graph(GraphLimits::Small);
        let read = Cost { units: 5, writes: 0 };
        let mut told = None;
        for _ in 0..700 {
            told = throttle.charge("a", read, NOW).expect("within the limit").used;
        }
        assert_eq!(told, Some(1.0));
        let refused = throttle.charge("a", read, NOW).expect_err("none left");
        assert_eq!(refused.retry_after, "0.014", "5 of 350 a second");
        assert_eq!(refused.information, "ResourceUnitLimitExceeded");
        for _ in 0..10_000 {
            assert!(throttle.charge("a", read, NOW).is_err());
        }
        let refused = throttle.charge("a", read, NOW).expect_err("overdrawn");
        assert!((refused.used - 1.8).abs() < 1e-9, "{refused:?}");
        assert_eq!(refused.retry_after, "8.014");
        assert!(throttle.charge("a", read, NOW + Duration::from_millis(8_015)).is_ok());
    }

    #[test]
    fn without_limits_everything_passes() {
        let mut throttle = Throttle::default();
        assert_eq!(throttle.charge("a", WRITE, NOW), Ok(Passed { used: None }));
    }
}
