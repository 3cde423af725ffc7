//! Serial numbers of days: day 0 is 1899-12-30.

/// Days from 1899-12-30 to 1970-01-01.
const EPOCH: i64 = 25_569;

/// The serial number of a date of the proleptic Gregorian calendar; `None` when there is no such day.
pub(crate) fn serial_of(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    // Years start in March here, so that the leap day is the last one of its year.
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    Some(days - 719_468 + EPOCH)
}

/// Year, month and day of a serial number.
pub(crate) fn date_of(serial: i64) -> (i64, i64, i64) {
    let days = serial - EPOCH + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_and_dates_are_inverse() {
        assert_eq!(serial_of(1899, 12, 30), Some(0));
        assert_eq!(serial_of(1970, 1, 1), Some(25_569));
        assert_eq!(serial_of(2020, 1, 1), Some(43_831));
        assert_eq!(serial_of(2023, 2, 29), None);
        for serial in (-700_000..3_000_000).step_by(997) {
            let (year, month, day) = date_of(serial);
            assert_eq!(serial_of(year, month, day), Some(serial));
        }
    }
}
