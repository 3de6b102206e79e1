"""The line itself: what joins the zoo, the devices, the store and the reports."""
