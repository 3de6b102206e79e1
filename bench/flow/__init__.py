"""The pipeline: connects the zoo, the devices, the store and the reports."""
