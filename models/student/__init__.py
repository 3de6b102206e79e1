"""What a student is: its hyper-parameters and name, its layers, its trained weights."""
