//! PocketSphinx's C interface, opened at run time: the smallest safe face that the recognizer needs.
//!
//! Signatures are those of `pocketsphinx.h`, `ps_search.h`, `cmd_ln.h` and `err.h` of version 0.8+5prealpha, the one that
//! Debian ships as `libpocketsphinx.so.3`. A [`Decoder`] is used by one thread at a time (`&mut self`), and frees itself.
//! What is *not* here: features, language models, rejection.

#![expect(unsafe_code, reason = "this is one of the two doors to C libraries")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use libloading::Library;
use parking_lot::Mutex;

/// Cepstral coefficients a frame, as the model was trained.
pub const CEPSTRA: usize = 13;
/// One frame of features.
pub type Cepstrum = [f32; CEPSTRA];

/// Library names with the version whose interface this is.
const SPHINXBASE: &str = "libsphinxbase.so.3";
const POCKETSPHINX: &str = "libpocketsphinx.so.3";

type ParseArguments = unsafe extern "C" fn(*mut c_void, *const c_void, i32, *mut *mut c_char, i32) -> *mut c_void;
type SegmentProb = unsafe extern "C" fn(*mut c_void, *mut i32, *mut i32, *mut i32) -> i32;

/// The functions that are used, valid as long as the libraries are open.
struct Functions {
    cmd_ln_parse_r: ParseArguments,
    cmd_ln_free_r: unsafe extern "C" fn(*mut c_void) -> c_int,
    logmath_exp: unsafe extern "C" fn(*mut c_void, c_int) -> f64,
    ps_args: unsafe extern "C" fn() -> *const c_void,
    ps_init: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    ps_free: unsafe extern "C" fn(*mut c_void) -> c_int,
    ps_get_logmath: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    ps_start_utt: unsafe extern "C" fn(*mut c_void) -> c_int,
    ps_process_cep: unsafe extern "C" fn(*mut c_void, *mut *mut f32, c_int, c_int, c_int) -> c_int,
    ps_end_utt: unsafe extern "C" fn(*mut c_void) -> c_int,
    ps_get_hyp: unsafe extern "C" fn(*mut c_void, *mut i32) -> *const c_char,
    ps_seg_iter: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    ps_seg_next: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    ps_seg_word: unsafe extern "C" fn(*mut c_void) -> *const c_char,
    ps_seg_frames: unsafe extern "C" fn(*mut c_void, *mut c_int, *mut c_int),
    ps_seg_prob: SegmentProb,
}

/// The opened libraries.
pub struct Api {
    functions: Functions,
    /// Opening a decoder goes through the library's global tables, so one at a time.
    opening: Mutex<()>,
    _pocketsphinx: Library,
    _sphinxbase: Library,
}

/// A word of a result, as the decoder segments it.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// As in the dictionary, with `(2)` for an alternative, and fillers such as `<sil>`.
    pub word: String,
    /// First frame of 10 ms.
    pub first_frame: i32,
    /// Last frame.
    pub last_frame: i32,
    /// Posterior probability in the word lattice, 0..1.
    pub posterior: f64,
}

impl Api {
    /// Opens both libraries and silences their log.
    ///
    /// # Errors
    /// What the dynamic linker says: library or symbol missing.
    pub fn open() -> Result<Arc<Api>, String> {
        // SAFETY: both libraries are C without initialisers that depend on us; every symbol is given the type that its
        // public header declares, and the functions are kept no longer than the libraries.
        unsafe {
            let base = Library::new(SPHINXBASE).map_err(|e| e.to_string())?;
            let sphinx = Library::new(POCKETSPHINX).map_err(|e| e.to_string())?;
            macro_rules! of {
                ($library:ident, $name:ident) => {
                    *$library.get(concat!(stringify!($name), "\0").as_bytes()).map_err(|e| e.to_string())?
                };
            }
            // Without callback and stream nothing is logged; the library would write to standard error.
            let err_set_callback: unsafe extern "C" fn(*const c_void, *mut c_void) = of!(base, err_set_callback);
            let err_set_logfp: unsafe extern "C" fn(*mut c_void) = of!(base, err_set_logfp);
            err_set_logfp(ptr::null_mut());
            err_set_callback(ptr::null(), ptr::null_mut());
            let functions = Functions {
                cmd_ln_parse_r: of!(base, cmd_ln_parse_r),
                cmd_ln_free_r: of!(base, cmd_ln_free_r),
                logmath_exp: of!(base, logmath_exp),
                ps_args: of!(sphinx, ps_args),
                ps_init: of!(sphinx, ps_init),
                ps_free: of!(sphinx, ps_free),
                ps_get_logmath: of!(sphinx, ps_get_logmath),
                ps_start_utt: of!(sphinx, ps_start_utt),
                ps_process_cep: of!(sphinx, ps_process_cep),
                ps_end_utt: of!(sphinx, ps_end_utt),
                ps_get_hyp: of!(sphinx, ps_get_hyp),
                ps_seg_iter: of!(sphinx, ps_seg_iter),
                ps_seg_next: of!(sphinx, ps_seg_next),
                ps_seg_word: of!(sphinx, ps_seg_word),
                ps_seg_frames: of!(sphinx, ps_seg_frames),
                ps_seg_prob: of!(sphinx, ps_seg_prob),
            };
            Ok(Arc::new(Api { functions, opening: Mutex::new(()), _pocketsphinx: sphinx, _sphinxbase: base }))
        }
    }

    /// A decoder with these command-line arguments (`-hmm`, `-dict` …).
    ///
    /// # Errors
    /// An argument that the library does not take, or files that it can't load.
    pub fn decoder(self: &Arc<Self>, arguments: &[String]) -> Result<Decoder, String> {
        // The library skips the first argument, as a program's name.
        let mut owned: Vec<CString> = vec![CString::default()];
        for argument in arguments {
            owned.push(CString::new(argument.as_str()).map_err(|_| format!("argument with a zero byte: {argument:?}"))?);
        }
        let mut argv: Vec<*mut c_char> = owned.iter().map(|a| a.as_ptr().cast_mut()).collect();
        let count = i32::try_from(argv.len()).map_err(|e| e.to_string())?;
        let _one_at_a_time = self.opening.lock();
        let f = &self.functions;
        // SAFETY: `argv` holds `count` strings that outlive the call; the library copies what it keeps. `ps_init` takes a
        // reference of its own to the configuration, so ours is freed.
        let handle = unsafe {
            let config = (f.cmd_ln_parse_r)(ptr::null_mut(), (f.ps_args)(), count, argv.as_mut_ptr(), 1);
            if config.is_null() {
                return Err("it does not take these arguments".into());
            }
            let handle = (f.ps_init)(config);
            (f.cmd_ln_free_r)(config);
            handle
        };
        let handle = NonNull::new(handle).ok_or("it can't load its model, dictionary or language model")?;
        Ok(Decoder { api: Arc::clone(self), handle })
    }
}

/// One decoder with one search.
pub struct Decoder {
    api: Arc<Api>,
    handle: NonNull<c_void>,
}

// SAFETY: a decoder has no thread-local state, and `&mut self` lets one thread in at a time.
unsafe impl Send for Decoder {}

impl Decoder {
    /// An utterance begins.
    ///
    /// # Errors
    /// The library refuses.
    pub fn start(&mut self) -> Result<(), String> {
        // SAFETY: the handle is alive until drop.
        done(unsafe { (self.api.functions.ps_start_utt)(self.handle.as_ptr()) }, "start of the utterance")
    }

    /// Takes frames of 10 ms.
    ///
    /// # Errors
    /// The library refuses.
    pub fn push(&mut self, frames: &mut [Cepstrum]) -> Result<(), String> {
        let f = &self.api.functions;
        for frame in frames {
            let mut row: *mut f32 = frame.as_mut_ptr();
            // SAFETY: one row of `CEPSTRA` floats (Debian's build has 32-bit float features), which the library copies.
            done(unsafe { (f.ps_process_cep)(self.handle.as_ptr(), &mut row, 1, 0, 0) }, "frame")?;
        }
        Ok(())
    }

    /// The utterance is over.
    ///
    /// # Errors
    /// The library refuses.
    pub fn end(&mut self) -> Result<(), String> {
        // SAFETY: the handle is alive until drop.
        done(unsafe { (self.api.functions.ps_end_utt)(self.handle.as_ptr()) }, "end of the utterance")
    }

    /// The best sentence so far and its score (log, in the library's units); `None` if there is none.
    pub fn best(&mut self) -> Option<(String, i32)> {
        let mut score = 0;
        // SAFETY: the text is the library's, NUL-terminated, and copied before any other call.
        unsafe {
            let text = (self.api.functions.ps_get_hyp)(self.handle.as_ptr(), &mut score);
            (!text.is_null()).then(|| (CStr::from_ptr(text).to_string_lossy().into_owned(), score))
        }
    }

    /// The best sentence's words in order, fillers included.
    pub fn segments(&mut self) -> Vec<Segment> {
        let f = &self.api.functions;
        let mut segments = Vec::new();
        // SAFETY: the iterator is walked to its end, where the library frees it and gives null; words are copied at once.
        unsafe {
            let logmath = (f.ps_get_logmath)(self.handle.as_ptr());
            let mut at = (f.ps_seg_iter)(self.handle.as_ptr());
            while !at.is_null() {
                let (mut first_frame, mut last_frame) = (0, 0);
                (f.ps_seg_frames)(at, &mut first_frame, &mut last_frame);
                let log = (f.ps_seg_prob)(at, ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
                let word = (f.ps_seg_word)(at);
                if !word.is_null() {
                    let word = CStr::from_ptr(word).to_string_lossy().into_owned();
                    segments.push(Segment { word, first_frame, last_frame, posterior: (f.logmath_exp)(logmath, log) });
                }
                at = (f.ps_seg_next)(at);
            }
        }
        segments
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // SAFETY: the handle is freed once, here.
        unsafe { (self.api.functions.ps_free)(self.handle.as_ptr()) };
    }
}

/// The library's functions answer below zero when they fail.
fn done(answer: c_int, what: &str) -> Result<(), String> {
    if answer < 0 { Err(format!("PocketSphinx refused the {what}")) } else { Ok(()) }
}
