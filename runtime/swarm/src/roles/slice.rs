//! Every endpoint of one role, ready to be chosen from.

use std::{collections::BTreeSet, sync::Arc};

use skep_packet::{NodeId, Scope};

use super::endpoint::{Endpoint, NodeEntry, weight};

/// The endpoints of one role.
#[derive(Debug, Clone, Default)]
pub(crate) struct RoleSlice {
    /// Every endpoint that lists the role, in rank order; also those that do not serve now.
    all: Vec<Arc<Endpoint>>,
    /// Those that may be chosen, in rank order: serving, and of the exclusive ones only the first.
    serving: Vec<Arc<Endpoint>>,
    /// Address hashes of the first `serving` ones: those of the lowest priority number present.
    first_hashes: Vec<u64>,
}

impl RoleSlice {
    /// The slice after `node`'s entry changed to `entry`, or went away.
    pub(crate) fn with(
        &self,
        role: &str,
        node: &NodeId,
        entry: Option<&NodeEntry>,
    ) -> Option<Self> {
        let others = self
            .all
            .iter()
            .filter(|endpoint| endpoint.address.node != *node);
        let own = entry
            .into_iter()
            .flat_map(|entry| &entry.endpoints)
            .filter(|endpoint| endpoint.role.as_str() == role);
        let mut all: Vec<Arc<Endpoint>> = others.chain(own).cloned().collect();
        if all.is_empty() {
            return None;
        }
        all.sort_by(|a, b| a.rank().cmp(&b.rank()));
        Some(Self::of(all))
    }

    fn of(all: Vec<Arc<Endpoint>>) -> Self {
        // One for the swarm, and one for this node alone: what others cannot see takes nothing
        // from them.
        let mut taken = BTreeSet::new();
        let serving: Vec<Arc<Endpoint>> = all
            .iter()
            .filter(|endpoint| endpoint.serving)
            .filter(|endpoint| !endpoint.exclusive || taken.insert(endpoint.scope == Scope::Node))
            .cloned()
            .collect();
        let lowest = serving.first().map(|endpoint| endpoint.priority);
        let first_hashes = serving
            .iter()
            .take_while(|endpoint| Some(endpoint.priority) == lowest)
            .map(|endpoint| endpoint.address_hash)
            .collect();
        Self {
            all,
            serving,
            first_hashes,
        }
    }

    /// Every endpoint that lists the role, serving or not.
    pub(crate) fn all(&self) -> &[Arc<Endpoint>] {
        &self.all
    }

    /// Those that may be chosen.
    pub(crate) fn serving(&self) -> &[Arc<Endpoint>] {
        &self.serving
    }

    /// The endpoint of a conversation: of those with the lowest priority number, the heaviest.
    pub(crate) fn stick(&self, sticky_hash: u64) -> Option<&Arc<Endpoint>> {
        self.serving.get(heaviest(sticky_hash, &self.first_hashes)?)
    }
}

/// Where the heaviest of these addresses stands; of equal ones the first in rank order.
///
/// Its place rides in the lowest bits of each weight, which decide nothing: so one comparison of one
/// number is all that an endpoint takes, a thousand times.
fn heaviest(sticky_hash: u64, address_hashes: &[u64]) -> Option<usize> {
    let places = (address_hashes.len() as u64).next_power_of_two() - 1;
    let weighed = address_hashes.iter().zip((0..=places).rev());
    let heaviest = weighed.map(|(hash, place)| weight(sticky_hash, *hash) & !places | place);
    let heaviest = heaviest.max()?;
    usize::try_from(places - (heaviest & places)).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_heaviest_is_found_wherever_it_stands(
            sticky in any::<u64>(),
            hashes in prop::collection::vec(any::<u64>(), 0..40),
        ) {
            let weights: Vec<u64> = hashes.iter().map(|hash| weight(sticky, *hash)).collect();
            let expected = weights.iter().max().and_then(|max| weights.iter().position(|w| w == max));
            prop_assert_eq!(heaviest(sticky, &hashes), expected);
        }
    }

    #[test]
    fn of_equal_ones_the_first_is_chosen() {
        assert_eq!(heaviest(1, &[7, 7, 7]), Some(0));
        assert_eq!(heaviest(1, &[7]), Some(0));
        assert_eq!(heaviest(1, &[]), None);
    }
}
