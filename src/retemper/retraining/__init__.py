"""After training: is the world different, does it hurt, what cures it, and is the cured model truly better?"""
