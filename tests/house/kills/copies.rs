//! Two processes where there may be one.
