//! A typed client for the part of Microsoft Graph that provisioning needs.
