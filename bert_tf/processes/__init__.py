"""Child processes: started, supervised, and how they end."""
