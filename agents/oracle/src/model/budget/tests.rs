use proptest::prelude::*;

use super::*;

const NOON_MS: u64 = 20_000 * DAY_MS + DAY_MS / 2;

fn terms(tokens: Option<u64>, cost: Option<f64>) -> Terms<'static> {
    Terms {
        backend: "openai small",
        own: Budget::default(),
        whole: Budget {
            tokens_per_day: tokens,
            cost_per_day: cost,
        },
        price: Price {
            input_per_million: 1.0,
            output_per_million: 4.0,
        },
    }
}

fn usage(input: u64, output: u64) -> Usage {
    Usage { input, output }
}

#[test]
fn what_would_pass_the_bound_is_refused_and_said_so() {
    let terms = terms(Some(1000), None);
    let mut ledger = Ledger::default();
    let reserved = ledger.reserve(terms, usage(500, 100), NOON_MS).unwrap();
    let refused = ledger.reserve(terms, usage(500, 100), NOON_MS).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "budget: 600 of 1000 tokens of the oracle for today would not do for another question"
    );
    ledger.settle(terms, reserved, usage(300, 20));
    assert_eq!(ledger.of("openai small").tokens, 320);
    assert!(ledger.reserve(terms, usage(500, 100), NOON_MS).is_ok());
}

#[test]
fn money_is_counted_in_millionths_and_what_is_free_is_not_kept_back() {
    let paid = terms(None, Some(0.01));
    let mut ledger = Ledger::default();
    let reserved = ledger.reserve(paid, usage(2000, 1000), NOON_MS).unwrap();
    assert_eq!(reserved.micros, 6000);
    let refused = ledger
        .reserve(paid, usage(2000, 1000), NOON_MS)
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("budget: 0.0060 of 0.01 of the oracle")
    );
    let free = Terms {
        price: Price::default(),
        backend: "openai local",
        ..paid
    };
    assert!(ledger.reserve(free, usage(2000, 1000), NOON_MS).is_ok());
}

#[test]
fn a_backend_may_have_a_bound_of_its_own() {
    let own = Budget {
        tokens_per_day: Some(10),
        cost_per_day: None,
    };
    let terms = Terms {
        own,
        ..terms(None, None)
    };
    let refused = Ledger::default()
        .reserve(terms, usage(10, 1), NOON_MS)
        .unwrap_err();
    assert!(refused.to_string().contains("of openai small"), "{refused}");
}

#[test]
fn a_day_ends_at_midnight_and_a_clock_set_back_opens_no_second_one() {
    let terms = terms(Some(100), None);
    let mut ledger = Ledger::default();
    ledger.reserve(terms, usage(100, 0), NOON_MS).unwrap();
    assert!(
        ledger
            .reserve(terms, usage(1, 0), NOON_MS - DAY_MS)
            .is_err()
    );
    assert!(
        ledger
            .reserve(terms, usage(1, 0), NOON_MS + DAY_MS / 2 - 1)
            .is_err()
    );
    assert!(
        ledger
            .reserve(terms, usage(1, 0), NOON_MS + DAY_MS / 2)
            .is_ok()
    );
}

proptest! {
    /// However questions come, end, or never end: no more than the budget is spent in a day, as
    /// long as no answer is longer than it was said to be.
    #[test]
    fn no_day_spends_more_than_its_budget(
        questions in prop::collection::vec((0_u64..400, 0_u64..100, prop::option::of(0_u64..100)), 0..50),
    ) {
        let terms = terms(Some(2000), Some(0.002));
        let mut ledger = Ledger::default();
        for (input, output, used) in questions {
            let Ok(reserved) = ledger.reserve(terms, usage(input, output), NOON_MS) else { continue };
            if let Some(percent) = used {
                ledger.settle(terms, reserved, usage(input * percent / 100, output * percent / 100));
            }
            let spent = ledger.of("openai small");
            prop_assert!(spent.tokens <= 2000 && spent.micros <= 2000, "{spent:?}");
        }
        let text = serde_json::to_string(&ledger).unwrap();
        prop_assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
    }

    #[test]
    fn no_number_is_too_large(input in any::<u64>(), output in any::<u64>(), price in 0.0..1e300_f64) {
        let price = Price { input_per_million: price, output_per_million: price };
        let terms = Terms { price, ..terms(None, None) };
        let mut ledger = Ledger::default();
        let reserved = ledger.reserve(terms, usage(input, output), NOON_MS).unwrap();
        ledger.settle(terms, reserved, usage(output, input));
    }
}
