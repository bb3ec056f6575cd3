//! Finds one turn within another by subsequence dynamic time warping.

use super::features::{Features, NUMBERS};

/// What a frame costs that goes faster or slower than the query, besides its distance.
const UNEVEN_COST: f32 = 0.3;

/// The cost of the shorter turn, as a whole, anywhere in the longer one, for each of its frames: 0 to 2.
pub(super) fn cost(a: &Features, b: &Features) -> f64 {
    let (query, other) = if a.0.len() <= b.0.len() { (&a.0, &b.0) } else { (&b.0, &a.0) };
    let Some((first, rest)) = query.split_first() else { return f64::INFINITY };
    let mut before: Vec<f32> = other.iter().map(|frame| distance(first, frame)).collect();
    let mut now = vec![0.0; before.len()];
    for frame in rest {
        for (n, candidate) in other.iter().enumerate() {
            let even = if n >= 1 { before[n - 1] } else { f32::INFINITY };
            let faster = if n >= 2 { before[n - 2] } else { f32::INFINITY };
            now[n] = distance(frame, candidate) + even.min(faster.min(before[n]) + UNEVEN_COST);
        }
        std::mem::swap(&mut before, &mut now);
    }
    f64::from(before.into_iter().fold(f32::INFINITY, f32::min)) / query.len() as f64
}

/// Cosine distance of unit vectors.
fn distance(a: &[f32; NUMBERS], b: &[f32; NUMBERS]) -> f32 {
    const LANES: usize = 8;
    let mut sums = [0.0; LANES];
    for lane in 0..LANES {
        sums[lane] = a[lane] * b[lane] + a[LANES + lane] * b[LANES + lane];
    }
    1.0 - sums.iter().sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unit vectors that turn from one axis to the next.
    fn path(from: usize, len: usize, frames_each: usize) -> Features {
        Features(
            (0..len * frames_each)
                .map(|n| {
                    let mut frame = [0.0; NUMBERS];
                    frame[(from + n / frames_each) % NUMBERS] = 1.0;
                    frame
                })
                .collect(),
        )
    }

    #[test]
    fn a_part_of_itself_costs_nothing_and_something_else_costs_much() {
        let whole = path(0, 12, 5);
        assert!(cost(&path(3, 5, 5), &whole).abs() < 1e-6);
        assert!(cost(&whole, &path(3, 5, 5)).abs() < 1e-6);
        assert!(cost(&path(12, 4, 5), &whole) > 0.9);
        assert!(cost(&Features(Vec::new()), &whole).is_infinite());
    }

    #[test]
    fn a_slower_take_costs_only_its_unevenness() {
        let slow = cost(&path(0, 8, 5), &path(0, 8, 8));
        assert!(slow > 0.0 && slow <= 0.3, "{slow}");
    }
}
