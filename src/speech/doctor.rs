//! What is not installed, said in one line a person can act on.

use super::INSTALL;
use crate::base::Fault;

/// What works without a recognizer.
const MEANWHILE_NO_EAR: &str = "keys, voice activity, raised volume and repeats in sound";
/// What works without a synthesizer.
const MEANWHILE_NO_VOICE: &str = "recorded prompts";

/// What the configured engines lack on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doctor {
    /// What the recognizer lacks, if anything.
    pub ear: Option<Fault>,
    /// What the synthesizer lacks, if anything.
    pub voice: Option<Fault>,
}

impl Doctor {
    /// True if nothing is missing.
    pub fn is_well(&self) -> bool {
        self.ear.is_none() && self.voice.is_none()
    }

    /// One line: what is missing, how to get it, what works meanwhile. `None` if nothing is missing.
    pub fn line(&self) -> Option<String> {
        let (missing, meanwhile) = match (&self.ear, &self.voice) {
            (None, None) => return None,
            (Some(_), None) => ("no speech recognizer", MEANWHILE_NO_EAR.to_owned()),
            (None, Some(_)) => ("no synthesizer", MEANWHILE_NO_VOICE.to_owned()),
            (Some(_), Some(_)) => ("no speech recognizer and no synthesizer", format!("{MEANWHILE_NO_EAR}, {MEANWHILE_NO_VOICE}")),
        };
        Some(format!("{missing}: {INSTALL} (meanwhile these work: {meanwhile})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Organ;

    #[test]
    fn what_is_missing_is_one_line_with_the_remedy_and_what_works() {
        let fault = |organ| Some(Fault::Unavailable { organ, detail: "x".into() });
        for (ear, voice, words) in [
            (fault(Organ::Ear), None, "raised volume"),
            (None, fault(Organ::Voice), "recorded prompts"),
            (fault(Organ::Ear), fault(Organ::Voice), "repeats in sound, recorded prompts"),
        ] {
            let line = Doctor { ear, voice }.line().unwrap_or_default();
            assert!(line.contains(words) && line.contains("apt-get install") && !line.contains('\n'), "{line}");
        }
        assert_eq!(Doctor::default().line(), None);
    }
}
