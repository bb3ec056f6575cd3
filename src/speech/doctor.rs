//! What is not there, said in one line a person can act on.

use super::INSTALL;
use crate::base::Fault;

/// What works without a recognizer.
const MEANWHILE_NO_EAR: &str = "keys, voice activity, raised volume and repeats in sound";
/// What works without a synthesizer.
const MEANWHILE_NO_VOICE: &str = "recorded prompts";

/// What the configured engines lack on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doctor {
    /// What the recognizer lacks, the one that stands behind it included.
    pub ear: Vec<Fault>,
    /// What the synthesizer lacks.
    pub voice: Vec<Fault>,
    /// There is no recognizer at all, though one is configured.
    pub is_deaf: bool,
    /// There is no synthesizer at all, though one is configured.
    pub is_mute: bool,
}

impl Doctor {
    /// True if nothing is missing.
    pub fn is_well(&self) -> bool {
        self.ear.is_empty() && self.voice.is_empty()
    }

    /// One line: what is missing, how to get it, what works meanwhile. `None` if nothing is missing.
    pub fn line(&self) -> Option<String> {
        let (no_ear, no_voice) = (self.is_deaf && !self.ear.is_empty(), self.is_mute && !self.voice.is_empty());
        let (missing, meanwhile) = match (no_ear, no_voice) {
            (false, false) => return self.partly(),
            (true, false) => ("no speech recognizer", MEANWHILE_NO_EAR.to_owned()),
            (false, true) => ("no synthesizer", MEANWHILE_NO_VOICE.to_owned()),
            (true, true) => ("no speech recognizer and no synthesizer", format!("{MEANWHILE_NO_EAR}, {MEANWHILE_NO_VOICE}")),
        };
        let hosted = self.details().filter(|detail| !detail.contains(INSTALL)).map(|detail| format!("{detail}; ")).collect::<String>();
        Some(format!("{missing}: {hosted}{INSTALL} (meanwhile these work: {meanwhile})"))
    }

    /// Of a hosted engine and the embedded one behind it, one is missing.
    fn partly(&self) -> Option<String> {
        let all = self.details().collect::<Vec<_>>().join("; ");
        (!all.is_empty()).then(|| format!("{all} (meanwhile the other engine does all the work)"))
    }

    /// What each fault says, once.
    fn details(&self) -> impl Iterator<Item = &str> {
        let mut told: Vec<&str> = Vec::new();
        for fault in self.ear.iter().chain(&self.voice) {
            if let Fault::Unavailable { detail, .. } | Fault::Failed { detail, .. } = fault
                && !told.contains(&detail.as_str())
            {
                told.push(detail);
            }
        }
        told.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Organ;

    fn fault(organ: Organ, detail: &str) -> Vec<Fault> {
        vec![Fault::Unavailable { organ, detail: detail.into() }]
    }

    #[test]
    fn what_is_missing_is_one_line_with_the_remedy_and_what_works() {
        for (is_deaf, is_mute, words) in
            [(true, false, "raised volume"), (false, true, "recorded prompts"), (true, true, "repeats in sound, recorded prompts")]
        {
            let ear = if is_deaf { fault(Organ::Ear, "x") } else { vec![] };
            let voice = if is_mute { fault(Organ::Voice, "x") } else { vec![] };
            let line = Doctor { ear, voice, is_deaf, is_mute }.line().unwrap_or_default();
            assert!(line.contains(words) && line.contains("apt-get install") && !line.contains('\n'), "{line}");
        }
        assert_eq!(Doctor::default().line(), None);
    }

    #[test]
    fn a_key_that_is_missing_is_told_once_and_not_as_a_package() {
        let no_key = "Deepgram: the environment has no variable `KEY`";
        let doctor = Doctor { ear: fault(Organ::Ear, no_key), voice: fault(Organ::Voice, no_key), is_deaf: false, is_mute: false };
        let line = doctor.line().unwrap_or_default();
        assert!(line.matches("KEY").count() == 1 && !line.contains("apt-get"), "{line}");
    }
}
