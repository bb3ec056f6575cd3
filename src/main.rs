//! The command `segue`. Everything is in the library, so that tests can reach it.

fn main() -> std::process::ExitCode {
    segue::cmd::run()
}
