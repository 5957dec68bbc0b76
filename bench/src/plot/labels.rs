//! Labels that don't overlap.

/// Places for labels in one column, each as near to where it belongs as its neighbours allow: in the order given,
/// `gap` apart or more, all between `top` and `bottom` if there is room.
pub(super) fn apart(wanted: &[f64], gap: f64, [top, bottom]: [f64; 2]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&one, &other| wanted[one].total_cmp(&wanted[other]));
    // Labels that touch are one cluster, around the middle of what its members want.
    let mut clusters: Vec<Cluster> = Vec::new();
    for &label in &order {
        let mut cluster = Cluster { first: held(wanted[label], top, bottom), count: 1 };
        while let Some(above) = clusters.pop_if(|above| above.end(gap) > cluster.first) {
            cluster = above.joined(&cluster, gap, [top, bottom]);
        }
        clusters.push(cluster);
    }
    let sorted = clusters.iter().flat_map(|cluster| cluster.places(gap));
    let mut places = vec![0.0; wanted.len()];
    for (label, place) in order.into_iter().zip(sorted) {
        places[label] = place;
    }
    places
}

struct Cluster {
    /// The place of its first label.
    first: f64,
    count: usize,
}

impl Cluster {
    /// Where the next label could be.
    fn end(&self, gap: f64) -> f64 {
        self.first + gap * self.count as f64
    }

    /// With those of the cluster below, at the average of where both would begin, weighed by their labels.
    fn joined(&self, below: &Self, gap: f64, [top, bottom]: [f64; 2]) -> Self {
        let count = self.count + below.count;
        let begins_below = below.first - gap * self.count as f64;
        let first =
            (self.first * self.count as f64 + begins_below * below.count as f64) / count as f64;
        Self { first: held(first, top, bottom - gap * (count - 1) as f64), count }
    }

    fn places(&self, gap: f64) -> impl Iterator<Item = f64> {
        let first = self.first;
        (0..self.count).map(move |label| first + gap * label as f64)
    }
}

/// Not `clamp`, which panics where there is no room: then the bottom gives way.
fn held(place: f64, top: f64, bottom: f64) -> f64 {
    place.min(bottom).max(top)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_with_room_stay_where_they_are() {
        assert_eq!(apart(&[50.0, 10.0, 90.0], 15.0, [0.0, 100.0]), [50.0, 10.0, 90.0]);
        assert!(apart(&[], 15.0, [0.0, 100.0]).is_empty());
    }

    #[test]
    fn labels_that_touch_move_apart_around_their_middle() {
        assert_eq!(apart(&[50.0, 50.0, 50.0], 10.0, [0.0, 100.0]), [40.0, 50.0, 60.0]);
        assert_eq!(apart(&[52.0, 48.0], 10.0, [0.0, 100.0]), [55.0, 45.0]);
    }

    #[test]
    fn labels_stay_inside() {
        assert_eq!(apart(&[0.0, 1.0, 2.0], 10.0, [0.0, 100.0]), [0.0, 10.0, 20.0]);
        assert_eq!(apart(&[99.0, 99.5, 100.0], 10.0, [0.0, 100.0]), [80.0, 90.0, 100.0]);
    }

    #[test]
    fn never_overlap_and_keep_their_order() {
        // A fixed walk that comes by every kind of crowd.
        let mut seed: u64 = 1;
        for count in 1..13 {
            for _ in 0..200 {
                let wanted: Vec<f64> = (0..count)
                    .map(|_| {
                        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1);
                        (seed >> 33) as f64 / f64::from(1u32 << 31) * 220.0 - 10.0
                    })
                    .collect();
                let places = apart(&wanted, 15.0, [0.0, 200.0]);
                for one in 0..count {
                    assert!((-1e-9..200.0 + 1e-9).contains(&places[one]), "{wanted:?} {places:?}");
                    for other in 0..one {
                        let (between, before) =
                            (places[one] - places[other], wanted[one] - wanted[other]);
                        assert!(between.abs() > 15.0 - 1e-9, "{wanted:?} {places:?}");
                        assert!(between * before >= 0.0, "{wanted:?} {places:?}");
                    }
                }
            }
        }
    }
}
