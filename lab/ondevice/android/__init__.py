"""Programs and libraries for Android's own C library, built with the user's NDK."""
