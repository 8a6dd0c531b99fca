//! Conformance suites for hosts' own implementations. Exempt from SemVer.
