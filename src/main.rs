//! The command `segue`.

fn main() {}
