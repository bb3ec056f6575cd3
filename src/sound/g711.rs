//! G.711: A-law and µ-law, the two codecs that every phone has (ITU-T G.711, 11/1988).
//!
//! Samples are 16-bit linear; A-law uses the upper 13 bits, µ-law the upper 14.

/// µ-law adds this before it looks for the segment (G.711 §2, in 14 bits: 33; here four times that).
const ULAW_BIAS: i32 = 132;
/// The loudest that µ-law can say.
const ULAW_CLIP: i32 = 32_635;
/// A-law inverts every other bit on the line (G.711 table 1, note 2).
const ALAW_TOGGLE: u8 = 0x55;
/// The sign bit of a code.
const SIGN: u8 = 0x80;
/// Below this A-law is linear.
const ALAW_LINEAR: i32 = 256;

/// What each µ-law byte means.
pub static ULAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = ulaw_expand(code as u8);
        code += 1;
    }
    table
};

/// What each A-law byte means.
pub static ALAW: [i16; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = alaw_expand(code as u8);
        code += 1;
    }
    table
};

/// What a µ-law byte means; 0xFF and 0x7F are silence.
pub fn ulaw_decode(code: u8) -> i16 {
    ULAW[code as usize]
}

/// What an A-law byte means; its smallest values are ±8, it has no silence.
pub fn alaw_decode(code: u8) -> i16 {
    ALAW[code as usize]
}

/// The µ-law byte for a sample.
pub fn ulaw_encode(sample: i16) -> u8 {
    let sign = if sample < 0 { SIGN } else { 0 };
    let size = i32::from(sample).abs().min(ULAW_CLIP) + ULAW_BIAS;
    let segment = segment(size);
    !(sign | (segment << 4) as u8 | ((size >> (segment + 3)) & 0x0F) as u8)
}

/// The A-law byte for a sample.
pub fn alaw_encode(sample: i16) -> u8 {
    // The decision values of G.711 table 1 are symmetric about a point between −1 and 0.
    let (sign, size) = if sample < 0 { (0, -1 - i32::from(sample)) } else { (SIGN, i32::from(sample)) };
    let code = if size < ALAW_LINEAR { size >> 4 } else { (segment(size) << 4) | ((size >> (segment(size) + 3)) & 0x0F) };
    (sign | code as u8) ^ ALAW_TOGGLE
}

/// 0 for 128..=255, one more for each doubling.
const fn segment(size: i32) -> i32 {
    24 - size.leading_zeros() as i32
}

const fn ulaw_expand(code: u8) -> i16 {
    let code = !code;
    let segment = ((code & 0x70) >> 4) as i32;
    let size = (((code & 0x0F) as i32 * 8 + ULAW_BIAS) << segment) - ULAW_BIAS;
    (if code & SIGN != 0 { -size } else { size }) as i16
}

const fn alaw_expand(code: u8) -> i16 {
    let code = code ^ ALAW_TOGGLE;
    let segment = ((code & 0x70) >> 4) as i32;
    let step = (code & 0x0F) as i32 * 16 + 8;
    let size = if segment == 0 { step } else { (step + ALAW_LINEAR) << (segment - 1) };
    (if code & SIGN != 0 { size } else { -size }) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_mean_what_the_recommendation_says() {
        // G.711 tables 1a to 2b, decoder output values; A-law times 8, µ-law times 4, to make 16 bits of 13 and 14.
        for (code, size) in [
            (0xFF, 0),
            (0xFE, 2),
            (0xF0, 30),
            (0xEF, 33),
            (0xDF, 99),
            (0xCF, 231),
            (0xBF, 495),
            (0xAF, 1_023),
            (0x9F, 2_079),
            (0x8F, 4_191),
            (0x80, 8_031),
        ] {
            assert_eq!(ulaw_decode(code), size * 4, "µ-law {code:#x}");
            assert_eq!(ulaw_decode(code & 0x7F), -size * 4, "µ-law {:#x}", code & 0x7F);
        }
        for (code, size) in
            [(0xD5, 1), (0xD4, 3), (0xC5, 33), (0xF5, 66), (0xE5, 132), (0x95, 264), (0x85, 528), (0xB5, 1_056), (0xA5, 2_112), (0xAA, 4_032)]
        {
            assert_eq!(alaw_decode(code), size * 8, "A-law {code:#x}");
            assert_eq!(alaw_decode(code ^ SIGN), -size * 8, "A-law {:#x}", code ^ SIGN);
        }
    }

    #[test]
    fn every_code_survives_a_round_trip() {
        for code in 0..=255 {
            assert_eq!(alaw_encode(alaw_decode(code)), code);
            // µ-law has two zeros, and writes the positive one.
            assert_eq!(ulaw_encode(ulaw_decode(code)), if code == 0x7F { 0xFF } else { code });
        }
    }

    #[test]
    fn every_sample_is_at_most_half_a_step_off() {
        // A step is at most a sixteenth of the sample (with µ-law's bias), and at least one unit of 13 bits.
        for (name, encode, decode) in [("µ-law", ulaw_encode as fn(i16) -> u8, ulaw_decode as fn(u8) -> i16), ("A-law", alaw_encode, alaw_decode)] {
            let mut last = i16::MIN;
            for sample in i16::MIN..=i16::MAX {
                let decoded = decode(encode(sample));
                let error = (i32::from(decoded) - i32::from(sample)).abs();
                assert!(error <= (i32::from(sample).abs() + ULAW_BIAS) / 32 + 8, "{name} {sample}: {decoded}");
                assert!(decoded >= last, "{name} {sample}: louder must not become quieter");
                last = decoded;
            }
        }
    }
}
