//! Days since 1970 to dates and back, in the calendar the server uses for every year.

/// Year, month and day of a number of days since 1 January 1970. Years outside of 0 to 9999 are cut off at those.
pub fn from_days(days: i64) -> (u16, u8, u8) {
    // The year is counted from 1 March, so that the leap day is its last.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let small = |value: i64| u8::try_from(value).unwrap_or(0);
    (u16::try_from(year.clamp(0, 9999)).unwrap_or(0), small(month), small(day))
}

/// Days since 1 January 1970 of a date.
pub fn to_days(year: u16, month: u8, day: u8) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_the_timestamp_range_goes_there_and_back() {
        let mut before = from_days(-1);
        assert_eq!(before, (1969, 12, 31));
        for days in 0..50_000 {
            let (year, month, day) = from_days(days);
            assert_eq!(to_days(year, month, day), days);
            assert!((year, month, day) > before);
            before = (year, month, day);
        }
        assert_eq!(from_days(19_782), (2024, 2, 29));
        assert_eq!(to_days(2106, 2, 7), 49_710);
    }
}
