//! Keys, passports, batch seals and the replay guard.
