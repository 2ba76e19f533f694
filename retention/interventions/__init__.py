"""What is done for users at risk: a catalogue, a preview in money, and an assignment with a holdout."""
