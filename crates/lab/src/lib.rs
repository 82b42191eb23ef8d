//! Loads a WDM driver image.
