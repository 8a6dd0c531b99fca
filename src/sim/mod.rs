//! A simulated tenant: Microsoft Graph and its sign-in, in process or on a socket.
