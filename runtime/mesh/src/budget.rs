//! How much of the bulk lane may be on its way.

use std::{sync::Mutex, time::Duration};

use tokio::{sync::Notify, time::timeout};

/// Most bytes of the bulk lane that one peer has not yet acknowledged, so that bulk never stands
/// in an alert's way; at the bound the lane's writer waits for
/// [`Mesh::release_bulk`](crate::Mesh::release_bulk).
pub const BULK_IN_FLIGHT_MAX: usize = 512 * 1024;

/// After so long without any release the bytes in flight are taken as lost, since their
/// acknowledgement may be; the lane goes on.
pub const BULK_STALL_MAX: Duration = Duration::from_secs(2);

/// Counts bytes in flight.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    in_flight: Mutex<usize>,
    released: Notify,
}

impl Budget {
    /// Waits until `n_bytes` more may be on their way.
    ///
    /// Cancel: nothing was taken.
    pub(crate) async fn acquire(&self, n_bytes: usize) {
        while !self.try_acquire(n_bytes) {
            let released = self.released.notified();
            // A release between the two calls above left a permit, so none is missed.
            if timeout(BULK_STALL_MAX, released).await.is_err() {
                *self.lock() = 0;
            }
        }
    }

    pub(crate) fn release(&self, n_bytes: usize) {
        let mut in_flight = self.lock();
        *in_flight = in_flight.saturating_sub(n_bytes);
        drop(in_flight);
        self.released.notify_one();
    }

    /// What is larger than the whole budget goes when nothing else is on its way.
    fn try_acquire(&self, n_bytes: usize) -> bool {
        let mut in_flight = self.lock();
        let fits = *in_flight == 0 || *in_flight + n_bytes <= BULK_IN_FLIGHT_MAX;
        if fits {
            *in_flight += n_bytes;
        }
        fits
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, usize> {
        self.in_flight
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn bulk_waits_for_what_is_on_its_way() {
        let budget = Arc::new(Budget::default());
        budget.acquire(BULK_IN_FLIGHT_MAX).await;
        assert!(!budget.try_acquire(1));
        let waiting = budget.acquire(100);
        let release = async {
            budget.release(99);
            tokio::task::yield_now().await;
            budget.release(1);
        };
        tokio::join!(waiting, release);
        assert_eq!(*budget.lock(), BULK_IN_FLIGHT_MAX);
        budget.release(usize::MAX);
        assert_eq!(*budget.lock(), 0);
    }

    #[tokio::test]
    async fn a_frame_larger_than_the_budget_goes_alone() {
        let budget = Budget::default();
        budget.acquire(BULK_IN_FLIGHT_MAX + 1).await;
        assert!(!budget.try_acquire(1));
    }
}
