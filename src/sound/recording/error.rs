//! What can be wrong with a recording: one clear sentence each.

/// Why a recording can't be read, or not to its end. The sentences go behind the file's name.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RecordingError {
    /// A file of 0 bytes.
    #[error("the file is empty")]
    Empty,
    /// Nothing in it looks like sound.
    #[error("this is no recording that can be read (WAV, FLAC, MP3, Ogg, AAC or M4A)")]
    NotRecognized,
    /// The container is known, what is in it is not.
    #[error("its sound is in a format that can't be read ({detail})")]
    Unsupported {
        /// Which, as far as it can be told.
        detail: String,
    },
    /// The container is known, but broken.
    #[error("the file is damaged ({detail})")]
    Malformed {
        /// What is wrong.
        detail: String,
    },
    /// A container without a single sample.
    #[error("there is no sound in it")]
    NoSound,
    /// A rate that no recording has.
    #[error("its sample rate is {hz} Hz; 8000 to 192000 Hz can be read")]
    SampleRate {
        /// What its header says.
        hz: u32,
    },
    /// Surround sound.
    #[error("it has {count} channels; one or two can be read")]
    Channels {
        /// How many.
        count: usize,
    },
    /// The right channel of a mono recording was asked for.
    #[error("it has one channel, so there is no right one")]
    NoRightChannel,
    /// Floating-point sound with something that is not a number.
    #[error("the sample at {at_secs:.3} s is not a number")]
    NotANumber {
        /// Where.
        at_secs: f64,
    },
    /// It ends before it should.
    #[error("the file is cut off after {at_secs:.3} s")]
    Cut {
        /// Where.
        at_secs: f64,
    },
    /// The rate or the channels change on the way.
    #[error("its sample rate or channels change at {at_secs:.3} s")]
    Changes {
        /// Where.
        at_secs: f64,
    },
    /// Longer than allowed, for prompts.
    #[error("it is longer than {limit_secs:.0} s")]
    TooLong {
        /// The limit.
        limit_secs: f64,
    },
    /// The source could not be read.
    #[error("it can't be read ({detail})")]
    Unreadable {
        /// What the system said.
        detail: String,
    },
}

impl RecordingError {
    /// True if everything before the trouble was good and was given.
    pub fn is_cut(&self) -> bool {
        matches!(self, RecordingError::Cut { .. })
    }
}
