"""What a sweep would cost in time, memory and disk, and what of it cannot fit."""
