//! The seats of products, over the whole plan: who gets one, whose is freed for whom, who waits.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::planner::Planner;
use super::{Edge, EdgeKind, Entry, Problem, Products, Severity, order};
use crate::model::{Class, Name};

/// Gives the seats that there are, in the order of the plan; then those that the plan frees, each to one who waits,
/// after it is freed. All others wait, and keep what they have until it is their turn.
pub(super) fn settle(planners: &[Planner<'_>], entries: &mut [Entry]) {
    let mut products: HashMap<&Class, (&Products, &Name)> = HashMap::new();
    for planner in planners {
        let inputs = planner.inputs();
        if let (Some(own), Some(licenses)) = (inputs.constraints.products(), &inputs.schema.licenses) {
            products.entry(inputs.mapping.target_class()).or_insert((own, &licenses.products));
        }
    }
    for (class, (products, attribute)) in products {
        let mut order: Vec<usize> = (0..entries.len())
            .filter(|at| entries[*at].class == *class && entries[*at].runs() && entries[*at].licenses().is_some())
            .collect();
        order.sort_by(|left, right| entries[*left].key.cmp(&entries[*right].key));
        settle_class(products, attribute, &order, entries);
    }
}

fn settle_class(products: &Products, attribute: &Name, order: &[usize], entries: &mut [Entry]) {
    let mut waiting: HashSet<usize> = HashSet::new();
    // Whoever waits keeps what he would have given up, so that another may have to wait for it: until nobody else does.
    let edges = loop {
        let (edges, more) = share(products, order, entries, &waiting);
        if !more.is_empty() {
            waiting.extend(more.into_keys());
            continue;
        }
        let pairs: Vec<(usize, usize)> = edges.iter().map(|edge| (edge.giver, edge.taker)).collect();
        let circles = order::circles(entries.len(), &pairs);
        if circles.is_empty() {
            break edges;
        }
        waiting.extend(circles.into_iter().flatten());
    };
    refuse(products, attribute, order, entries, &waiting);
    for SeatEdge { giver, taker } in edges {
        let edge = Edge { entry: entries[giver].key.clone(), kind: EdgeKind::Frees, attribute: attribute.clone() };
        if !entries[taker].after.contains(&edge) {
            entries[taker].after.push(edge);
        }
    }
}

/// A seat that one entry frees for another.
struct SeatEdge {
    giver: usize,
    taker: usize,
}

/// Shares the seats out among those who do not wait yet; gives who must wait, for which product.
fn share(
    products: &Products,
    order: &[usize],
    entries: &[Entry],
    waiting: &HashSet<usize>,
) -> (Vec<SeatEdge>, BTreeMap<usize, Arc<str>>) {
    let mut taking: BTreeMap<Arc<str>, Vec<usize>> = BTreeMap::new();
    let mut giving: BTreeMap<Arc<str>, Vec<usize>> = BTreeMap::new();
    for at in order.iter().filter(|at| !waiting.contains(at)) {
        let Some(set) = entries[*at].licenses() else { continue };
        for (elements, seats) in [(&set.add, &mut taking), (&set.remove, &mut giving)] {
            for product in elements.iter().filter(|element| element.seat).filter_map(super::Element::product) {
                seats.entry(product).or_default().push(*at);
            }
        }
    }
    let mut edges = Vec::new();
    let mut short = BTreeMap::new();
    for (product, takers) in taking {
        // Where nobody knows how many there are, the target says.
        let Some(free) = products.get(&product).and_then(|product| product.free_seats) else { continue };
        let givers = giving.get(&product).map_or(&[][..], Vec::as_slice);
        let beyond = takers.get(usize::try_from(free).unwrap_or(usize::MAX)..).unwrap_or_default();
        for (number, taker) in beyond.iter().enumerate() {
            match givers.get(number) {
                Some(giver) => edges.push(SeatEdge { giver: *giver, taker: *taker }),
                None => _ = short.insert(*taker, Arc::clone(&product)),
            }
        }
    }
    (edges, short)
}

/// Leaves the licences of those who wait out, and says so: which product, and who comes before them.
fn refuse(products: &Products, attribute: &Name, order: &[usize], entries: &mut [Entry], waiting: &HashSet<usize>) {
    let mut places: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for at in order.iter().filter(|at| waiting.contains(at)) {
        let entry = &mut entries[*at];
        let Some(place) = entry.sets.iter().position(|set| set.kind == super::SetKind::Licenses) else { continue };
        let set = entry.sets.remove(place);
        let wanted: Vec<Arc<str>> =
            set.add.iter().filter(|element| element.seat).filter_map(super::Element::product).collect();
        for product in &wanted {
            let place = places.entry(Arc::clone(product)).or_default();
            *place += 1;
            let name = products.name(product);
            let kept = if set.remove.is_empty() { "" } else { "; what is there stays until then" };
            let message = format!("waits for a seat of {name}, as number {place}{kept}");
            entry
                .problems
                .push(Problem::new(Severity::Attention, "no-seat", message).with_value(attribute.clone(), None));
        }
    }
}
