//! flite's C interface, opened at run time: choose a voice, speak a text.
//!
//! Signatures are those of `flite.h` and `cst_wave.h` of version 2.2, which Debian ships as `libflite.so.1`. flite keeps
//! global tables while it speaks, so one [`Speaker`] is used by one thread at a time (`&mut self`) and lives as long as
//! the process needs a voice. What is *not* here: sentences, level, rates.

#![expect(unsafe_code, reason = "this is one of the two doors to C libraries")]

use std::ffi::{CString, c_char, c_int, c_short, c_uint, c_void};
use std::ptr::{self, NonNull};

use libloading::Library;

const FLITE: &str = "libflite.so.1";

/// Any fixed number; 1 is what a C program starts with.
const SEED: c_uint = 1;

/// `cst_wave` of `cst_wave.h`.
#[repr(C)]
struct Wave {
    _type: *const c_char,
    sample_rate: c_int,
    num_samples: c_int,
    num_channels: c_int,
    samples: *mut c_short,
}

/// A voice that speaks.
pub struct Speaker {
    voice: NonNull<c_void>,
    text_to_wave: unsafe extern "C" fn(*const c_char, *mut c_void) -> *mut Wave,
    delete_wave: unsafe extern "C" fn(*mut Wave),
    srand: unsafe extern "C" fn(c_uint),
    _voice_library: Library,
    _flite: Library,
}

// SAFETY: the voice has no thread-local state, and `&mut self` lets one thread in at a time.
unsafe impl Send for Speaker {}

impl Speaker {
    /// Opens the voice of this name (`rms`, `slt`, `kal16`).
    ///
    /// # Errors
    /// What the dynamic linker says, or that the library has no such voice.
    pub fn open(name: &str) -> Result<Speaker, String> {
        let register = format!("register_cmu_us_{name}\0");
        // SAFETY: C libraries without initialisers that depend on us; every symbol is given the type that its header
        // declares; the libraries are kept as long as what came from them.
        unsafe {
            let flite = Library::new(FLITE).map_err(|e| e.to_string())?;
            let library = Library::new(format!("libflite_cmu_us_{name}.so.1")).map_err(|e| e.to_string())?;
            let init: unsafe extern "C" fn() -> c_int = *flite.get(b"flite_init\0").map_err(|e| e.to_string())?;
            let text_to_wave = *flite.get(b"flite_text_to_wave\0").map_err(|e| e.to_string())?;
            let delete_wave = *flite.get(b"delete_wave\0").map_err(|e| e.to_string())?;
            // flite draws its noise from the C library's `rand`; the handle also finds what flite itself is linked with.
            let srand = *flite.get(b"srand\0").map_err(|e| e.to_string())?;
            let register: unsafe extern "C" fn(*const c_char) -> *mut c_void = *library.get(register.as_bytes()).map_err(|e| e.to_string())?;
            init();
            let voice = NonNull::new(register(ptr::null())).ok_or_else(|| format!("flite has no voice {name}"))?;
            Ok(Speaker { voice, text_to_wave, delete_wave, srand, _voice_library: library, _flite: flite })
        }
    }

    /// Speaks a text: mono samples and their rate in Hz.
    ///
    /// # Errors
    /// flite made nothing of it.
    pub fn speak(&mut self, text: &str) -> Result<(Vec<i16>, u32), String> {
        let text = CString::new(text).map_err(|_| "a zero byte in the text".to_owned())?;
        // SAFETY: the text is NUL-terminated and outlives the call; the wave is read within its bounds and freed once.
        unsafe {
            // From the same seed the same text gives the same samples.
            (self.srand)(SEED);
            let wave = (self.text_to_wave)(text.as_ptr(), self.voice.as_ptr());
            let Some(found) = wave.as_ref() else { return Err("flite gave no sound".into()) };
            let count = usize::try_from(found.num_samples).unwrap_or(0);
            let rate = u32::try_from(found.sample_rate).unwrap_or(0);
            let usable = !found.samples.is_null() && found.num_channels == 1 && rate > 0;
            let samples = if usable { std::slice::from_raw_parts(found.samples, count).to_vec() } else { Vec::new() };
            (self.delete_wave)(wave);
            if usable { Ok((samples, rate)) } else { Err("flite gave sound of an unknown kind".into()) }
        }
    }
}
