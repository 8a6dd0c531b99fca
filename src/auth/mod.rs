//! Tokens for Microsoft Graph: credentials and the cache above them.
