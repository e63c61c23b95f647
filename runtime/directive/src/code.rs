//! The stable codes of every finding, in one table.

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($name:ident $id:literal $meaning:literal;)*) => {
        /// What kind of finding a [`crate::Diagnostic`] is. A code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// The code as people see it, for instance `SK-0121`.
            pub fn id(self) -> &'static str {
                match self { $(Code::$name => $id),* }
            }

            /// One sentence on what it stands for.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => $meaning),* }
            }
        }
    };
}

codes! {
    TooLarge        "SK-0100" "The text is longer than a directive may be.";
    NoValue         "SK-0101" "A value was expected and something else stands there.";
    NoComma         "SK-0102" "A comma is missing, or stands where none belongs.";
    NoColon         "SK-0103" "A key is not followed by a colon.";
    Bracket         "SK-0104" "A bracket is not closed, or closes nothing.";
    BadString       "SK-0105" "A text is not closed, is not in double quotes, or holds a wrong escape.";
    BadLiteral      "SK-0106" "A word or number that JSON does not know.";
    TrailingText    "SK-0107" "Text follows the end of the directive.";
    TooDeep         "SK-0108" "Brackets are nested deeper than a directive may.";
    DuplicateKey    "SK-0109" "A key stands twice in one object.";
    PythonLiteral   "SK-0110" "Python's True, False or None, read as JSON's words (warning).";
    BadComment      "SK-0111" "A comment is not closed, or begins with a sign that starts none.";
    WrongType       "SK-0120" "A value is of another type than its key takes.";
    UnknownKey      "SK-0121" "A key that nobody reads.";
    MissingKey      "SK-0122" "A key that must be given is missing.";
    NotAllowed      "SK-0123" "A value is none of those its key takes.";
    OutOfRange      "SK-0124" "A number, text or list is smaller or larger than allowed.";
    NumberAsBool    "SK-0125" "1 or 0 stands for true or false (warning).";
    BadSecret       "SK-0126" "A secret reference is malformed.";
    SecretPlace     "SK-0127" "A secret reference stands where no text is taken.";
    UnknownAgent    "SK-0130" "An agent of that name does not exist.";
    DuplicateId     "SK-0131" "Two agents have the same universal_id.";
    BadId           "SK-0132" "A universal_id is not a usable name.";
    BadRole         "SK-0133" "A role is not written as role@handler.";
    UnknownHandler  "SK-0134" "The agent has no such handler.";
    UnservedRole    "SK-0135" "A role is used and no agent of this file serves it (warning).";
    SigningOff      "SK-0136" "packet_signing is off, which nodes do not honour between them (warning).";
    NothingToRun    "SK-0137" "No agent is left to run (warning).";
    RepeatedRole    "SK-0138" "An agent lists the same role and handler twice (warning).";
    OldScope        "SK-0139" "A scope of older directives, read as `swarm` (warning).";
    TooManyAgents   "SK-0140" "A directive names more agents than a node runs.";
    ConfigRefused   "SK-0141" "The agent itself refuses its config, for a reason no schema tells.";
    MoreFindings    "SK-0199" "Further findings were left out.";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_sorted_and_of_this_rooms_range() {
        let ids: Vec<_> = Code::ALL.iter().map(|code| code.id()).collect();
        let unique: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(ids, unique.into_iter().collect::<Vec<_>>());
        assert!(
            ids.iter()
                .all(|id| id.starts_with("SK-01") && id.len() == 7)
        );
    }

    #[test]
    fn every_meaning_is_a_sentence() {
        for code in Code::ALL {
            let meaning = code.meaning();
            assert!(
                meaning.ends_with('.') && meaning.len() > 20,
                "{}: {meaning}",
                code.id()
            );
        }
    }
}
