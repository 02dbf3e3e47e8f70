"""What fine-tuning has around the loop: its data before, its report after; one file per task."""
