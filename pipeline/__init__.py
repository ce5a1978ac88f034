"""The application: everything that knows files, commands and people who use them. It alone imports all other stages.

``run_video`` takes a video through ``stages`` to ``results`` as ``RunSettings`` say, with what ``load`` builds;
``protocol`` says how data sets are measured. What goes wrong for a reason that the user can mend is one of ``errors``.
"""
