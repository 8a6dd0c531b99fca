//! Licences of one object: which are wanted, which are there, which are given and taken.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::mapping::{Flow, FlowOutcome, Mapped, Rule};
use crate::model::{License, Name, Record, Value};
use crate::reconcile::decide::entries::shorten;
use crate::reconcile::elements::found::{Found, basis, draft_findings, left_out};
use crate::reconcile::elements::heirs;
use crate::reconcile::find::case::Case;
use crate::reconcile::reading::inputs::Inputs;
use crate::reconcile::{
    Element, Entry, Finding, FindingKind, LicenseRemoval, Problem, Products, SetChange, SetKind, Severity, Situation,
};

/// What the source says of licences.
enum Wanted {
    /// Nothing: what is there stays as it is.
    Silent,
    /// The products' attribute is not mapped.
    Unmapped,
    /// There are to be none.
    Cleared,
    /// These products, by id or name.
    Products(Vec<Arc<str>>),
}

/// The licences that an object has.
struct Held {
    direct: Vec<License>,
    inherited: Vec<License>,
}

impl Held {
    /// `None` if nobody knows.
    fn of(record: Option<&Record>, products: &Name) -> Option<Self> {
        let Some(record) = record else { return Some(Self { direct: Vec::new(), inherited: Vec::new() }) };
        if record.partial.contains_key(products) {
            return None;
        }
        let all = record.get(products)?.as_slice().iter().filter_map(License::from_value);
        let (direct, inherited) = all.partition(License::is_direct);
        Some(Self { direct, inherited })
    }

    fn direct(&self, product: &str) -> Option<&License> {
        self.direct.iter().find(|license| *license.product == *product)
    }

    fn inherits(&self, product: &str) -> bool {
        self.inherited.iter().any(|license| *license.product == *product)
    }
}

/// The licences that are given and taken, and what stands in the way.
pub(crate) fn find_licenses(
    inputs: &Inputs<'_>,
    case: &Case<'_>,
    entry: Option<&Entry>,
    is_new: bool,
    found: &mut Found,
) {
    let Some(attributes) = &inputs.schema.licenses else { return };
    let Some(Mapped::Flows(flows)) = case.source.map(|sourced| &sourced.mapped) else { return };
    let rule = inputs.mapping.rule(&attributes.products);
    let wanted = wanted(flows, rule, is_new);
    let preferences = &inputs.policy.preferences().licenses;
    let mut takes = match wanted {
        Wanted::Silent => return,
        // What people lose by way of others is never taken because nothing is said of it.
        Wanted::Unmapped if preferences.removal != LicenseRemoval::Always || attributes.heirs.is_some() => return,
        _ => preferences.removal != LicenseRemoval::Never,
    };
    if let Some(reason) = not_delivered(case, rule) {
        takes = false;
        let message = format!("not all values were delivered, so nothing is taken: {reason}");
        found.problems.push(left_out(Severity::Attention, "source-not-read", message, &attributes.products));
    }
    let current = case.target.filter(|_| !is_new);
    let finder = Finder { inputs, case, entry, attribute: &attributes.products, current };
    found.problems.extend(heirs::remarks(attributes, current, &finder.products()));
    let Some(held) = Held::of(current, &attributes.products) else {
        let message = "the licences in the target were not read, so none is given or taken";
        found.problems.push(left_out(Severity::Attention, "target-not-read", message, finder.attribute));
        return;
    };
    if let Some(rule) = rule.filter(|_| !is_new) {
        if rule.fills_only() && !(held.direct.is_empty() && held.inherited.is_empty()) {
            return;
        }
        takes &= rule.takes_elements();
    }
    let (licenses, unknown) = match wanted {
        Wanted::Products(texts) => {
            let rule = inputs.mapping.rule(&attributes.disabled_plans);
            // Of plans that were not read to their end nothing is said.
            let plans = disabled_plans(flows, rule, is_new).filter(|_| not_delivered(case, rule).is_none());
            match finder.resolve(&texts, plans.as_deref(), &held) {
                Ok(resolved) => resolved,
                Err(faults) => {
                    faults.into_iter().for_each(|fault| finder.refuse(fault, found));
                    return;
                }
            }
        }
        _ => (Vec::new(), Vec::new()),
    };
    finder.compare(&held, &licenses, unknown, takes, rule, found);
}

/// The managed licences that an object has of its own, for one who left; or why they cannot be taken, or not yet.
pub(crate) fn removable(inputs: &Inputs<'_>, case: &Case<'_>, rule: String) -> Result<Option<SetChange>, Vec<Problem>> {
    let Some(attributes) = &inputs.schema.licenses else { return Ok(None) };
    let attribute = &attributes.products;
    let Some(record) = case.target else { return Ok(None) };
    let Some(held) = Held::of(Some(record), attribute) else {
        let reason = record.partial.get(attribute).map_or("they were not delivered", String::as_str);
        let message = format!("the licences in the target were not read, so none is taken for now: {reason}");
        return Err(vec![left_out(Severity::Attention, "target-not-read", message, attribute)]);
    };
    let finder = Finder { inputs, case, entry: None, attribute, current: case.target };
    let taken: Vec<&License> = finder.managed(&held).collect();
    if taken.is_empty() {
        return Ok(None);
    }
    let before: Vec<License> = held.direct.iter().chain(&held.inherited).cloned().collect();
    let after: Vec<License> = before.iter().filter(|own| !taken.contains(own)).cloned().collect();
    let products = finder.products();
    let known = products.conflicts(&before);
    let faults: Vec<Finding> =
        products.conflicts(&after).into_iter().filter(|conflict| !known.contains(conflict)).collect();
    if !faults.is_empty() {
        return Err(faults.into_iter().map(|fault| finder.problem(fault)).collect());
    }
    let remove = taken.into_iter().map(|license| finder.taken(&held, license)).collect();
    Ok(Some(SetChange { basis: None, ..finder.set(Vec::new(), remove, rule) }))
}

struct Finder<'a> {
    inputs: &'a Inputs<'a>,
    case: &'a Case<'a>,
    entry: Option<&'a Entry>,
    attribute: &'a Name,
    current: Option<&'a Record>,
}

impl Finder<'_> {
    fn compare(
        &self,
        held: &Held,
        wanted: &[License],
        unknown: Vec<Finding>,
        takes: bool,
        rule: Option<&Rule>,
        found: &mut Found,
    ) {
        let products = self.products();
        let adopting = self.case.situation == Situation::Found && self.case.recovered.is_none();
        let is_wanted = |license: &License| wanted.iter().any(|wanted| wanted.product == license.product);
        let mut add: Vec<Element> = Vec::new();
        let mut after: Vec<License> = held.inherited.clone();
        for license in wanted {
            let name = products.name(&license.product);
            match held.direct(&license.product) {
                Some(own) if own.disabled_plans == license.disabled_plans || !self.is_given(&own.product) => {}
                Some(_) => add.push(Element::license(license, name, false)),
                None if held.inherits(&license.product) => continue,
                None => add.push(Element::license(license, name, true)),
            }
            after.push(license.clone());
        }
        if self.is_inactive() && !self.inputs.policy.preferences().licenses.inactive && !add.is_empty() {
            return;
        }
        let mut remove: Vec<&License> = Vec::new();
        if takes {
            remove = self.managed(held).filter(|license| !is_wanted(license)).collect();
            self.report_inherited(held, &is_wanted, found);
        }
        if adopting && !remove.is_empty() {
            let names = remove.iter().map(|license| products.name(&license.product)).collect::<Vec<_>>().join(", ");
            let message =
                format!("{names} would be taken; the run that takes an account over removes nothing, the next one may");
            found.problems.push(left_out(Severity::Warning, "after-adoption", message, self.attribute));
            remove.clear();
        }
        self.forget(held, wanted, found);
        if add.is_empty() && remove.is_empty() {
            return;
        }
        after.extend(held.direct.iter().filter(|own| !is_wanted(own) && !remove.contains(own)).cloned());
        let before: Vec<License> = held.direct.iter().chain(&held.inherited).cloned().collect();
        let refused = wanted
            .iter()
            .filter(|license| add.iter().any(|element| element.seat && element.is_of(&license.product)))
            .filter_map(|license| products.get(&license.product))
            .filter_map(|product| Some((product, product.refusal.as_ref()?)))
            .map(|(product, reason)| Finding::object("product-refused", format!("{}: {reason}", product.name)));
        let known = products.conflicts(&before);
        let conflicts = products.conflicts(&after).into_iter().filter(|conflict| !known.contains(conflict));
        let mut faults: Vec<Finding> = refused.chain(conflicts).collect();
        let names = [self.attribute.clone()];
        for finding in draft_findings(self.inputs, self.current, self.entry, &names) {
            // What only giving asks for stands in the way of no taking.
            if finding.attribute.is_none() || !add.is_empty() {
                faults.push(finding);
            }
        }
        let forbidden = faults.iter().any(|fault| fault.kind == FindingKind::Violation);
        faults.into_iter().chain(unknown).for_each(|fault| self.refuse(fault, found));
        if !forbidden {
            let remove = remove.into_iter().map(|license| self.taken(held, license)).collect();
            let rule = rule.map_or_else(|| "no product is mapped".to_owned(), |rule| shorten(&rule.provenance()));
            found.sets.push(self.set(add, remove, rule));
        }
    }

    /// The licences that products and left-out plans stand for. What is not said of plans stays as it is.
    fn resolve(
        &self,
        products: &[Arc<str>],
        plans: Option<&[Arc<str>]>,
        held: &Held,
    ) -> Result<(Vec<License>, Vec<Finding>), Vec<Finding>> {
        let products: Vec<&str> = products.iter().map(|text| &**text).collect();
        let left_out: Vec<&str> = plans.unwrap_or_default().iter().map(|text| &**text).collect();
        let (mut licenses, unknown) = self.products().resolve(&products, &left_out)?;
        if plans.is_none() {
            for license in &mut licenses {
                if let Some(own) = held.direct(&license.product) {
                    license.disabled_plans.clone_from(&own.disabled_plans);
                }
            }
        }
        Ok((licenses, unknown))
    }

    fn products(&self) -> Cow<'_, Products> {
        match self.inputs.constraints.products() {
            Some(products) => Cow::Borrowed(products),
            None => Cow::Owned(Products::unread("the target does not say which products there are")),
        }
    }

    /// What the job may take of what the object has of its own.
    fn managed<'a>(&'a self, held: &'a Held) -> impl Iterator<Item = &'a License> {
        let managed = &self.inputs.policy.preferences().licenses.managed;
        let products = self.inputs.constraints.products();
        held.direct.iter().filter(move |own| managed.covers(&own.product, products, self.is_given(&own.product)))
    }

    /// Inherited licences that would be taken if they were the object's own.
    fn report_inherited(&self, held: &Held, is_wanted: &impl Fn(&License) -> bool, found: &mut Found) {
        let managed = &self.inputs.policy.preferences().licenses.managed;
        let products = self.products();
        for license in held.inherited.iter().filter(|license| !is_wanted(license)) {
            if managed.covers(&license.product, Some(&products), false) {
                let group = license.inherited_from.as_deref().unwrap_or_default();
                let message = format!(
                    "{} is inherited from the group {group}, so it is not taken: remove the person there",
                    products.name(&license.product)
                );
                found.problems.push(left_out(Severity::Warning, "license-inherited", message, self.attribute));
            }
        }
    }

    /// What the job gave and someone else took away, unless it is given again now.
    fn forget(&self, held: &Held, wanted: &[License], found: &mut Found) {
        let (Some(target), Some(_)) = (&self.case.target_id, self.current) else { return };
        let young = |at| self.inputs.is_young(at);
        // What comes back with an account that was restored may not show yet either.
        if self.case.link.is_some_and(|link| young(link.target.since)) {
            return;
        }
        let gone = self.inputs.given.of(target, self.attribute).iter().filter(|(product, giving)| {
            let again = wanted.iter().any(|license| license.product == **product);
            held.direct(product).is_none() && !again && !young(giving.at)
        });
        let gone: Vec<Arc<str>> = gone.map(|(product, _)| Arc::clone(product)).collect();
        if !gone.is_empty() {
            found.forget.insert(self.attribute.clone(), gone);
        }
    }

    fn is_given(&self, product: &str) -> bool {
        let target = self.case.target_id.as_ref();
        target.is_some_and(|target| self.inputs.given.of(target, self.attribute).contains(product))
    }

    /// Whether the source says that the person is inactive.
    fn is_inactive(&self) -> bool {
        let status = self.inputs.schema.status.as_ref();
        status
            .and_then(|name| self.case.source?.desired(self.inputs, name))
            .is_some_and(|value| value == Value::Bool(false))
    }

    fn taken(&self, held: &Held, license: &License) -> Element {
        Element::license(license, self.products().name(&license.product), !held.inherits(&license.product))
    }

    fn set(&self, add: Vec<Element>, remove: Vec<Element>, rule: String) -> SetChange {
        let given = self.case.target_id.as_ref().map(|target| self.inputs.given.of(target, self.attribute).len());
        let basis =
            self.case.source.filter(|_| !remove.is_empty()).map(|own| basis(self.inputs, &own.mapped, self.attribute));
        SetChange {
            attribute: self.attribute.clone(),
            kind: SetKind::Licenses,
            add,
            remove,
            rule,
            given: given.unwrap_or_default(),
            heirs: heirs::count(self.inputs, self.current),
            basis,
        }
    }

    fn refuse(&self, fault: Finding, found: &mut Found) {
        found.problems.push(self.problem(fault));
    }

    fn problem(&self, fault: Finding) -> Problem {
        let severity = match fault.kind {
            FindingKind::Unknown => Severity::Warning,
            FindingKind::Violation | FindingKind::Privileged => Severity::Attention,
        };
        let attribute = fault.attribute.as_ref().unwrap_or(self.attribute).clone();
        Problem::new(severity, fault.rule, fault.message).with_value(attribute, None)
    }
}

/// Why not all that a rule reads was delivered, if so.
fn not_delivered<'a>(case: &Case<'a>, rule: Option<&Rule>) -> Option<&'a str> {
    let partial = &case.source?.record.partial;
    rule?.source_attributes().iter().find_map(|name| partial.get(name)).map(String::as_str)
}

/// What the source says of products.
fn wanted(flows: &[Flow], rule: Option<&Rule>, is_new: bool) -> Wanted {
    let Some(rule) = rule else { return Wanted::Unmapped };
    let Some(flow) = flows.iter().find(|flow| flow.attribute == *rule.target()) else { return Wanted::Silent };
    let value = match &flow.outcome {
        outcome if is_new => rule.on_create(outcome),
        outcome => rule.elements_on_update(outcome),
    };
    match value {
        None => Wanted::Silent,
        Some(value) => match texts(&value) {
            texts if texts.is_empty() => Wanted::Cleared,
            texts => Wanted::Products(texts),
        },
    }
}

/// What the source says of the plans to leave out; `None` if nothing.
fn disabled_plans(flows: &[Flow], rule: Option<&Rule>, is_new: bool) -> Option<Vec<Arc<str>>> {
    let rule = rule?;
    let flow = flows.iter().find(|flow| flow.attribute == *rule.target())?;
    let value = match &flow.outcome {
        FlowOutcome::Value(value) if is_new => rule.on_create(&flow.outcome).or_else(|| Some(value.clone())),
        outcome if is_new => rule.on_create(outcome),
        outcome => rule.elements_on_update(outcome),
    };
    value.as_ref().map(texts)
}

fn texts(value: &Value) -> Vec<Arc<str>> {
    let all: BTreeSet<Arc<str>> = value
        .as_slice()
        .iter()
        .filter_map(|value| match value {
            Value::Text(text) if !text.trim().is_empty() => Some(text.trim().into()),
            _ => None,
        })
        .collect();
    all.into_iter().collect()
}
