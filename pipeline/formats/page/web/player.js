// Time: which frame is shown. Where there is a video, the frame is the one that the video shows, never another.

export class Player {
  /** video: the element; show(frame): called with every new frame; changed(): when it starts or stops. */
  constructor(model, video, show, changed) {
    Object.assign(this, { model, video, show, changed });
    this.frame = 0;
    this.playing = false;
    this.speed = 1;
    this.loop = false;
    this.usable = false;
    this.wanted = null;
    this.starts = null;
    video.addEventListener("ended", () => { if (this.playing) this.atEnd(); });
    video.addEventListener("seeked", () => this.seeked());
  }

  get last() { return Math.max(0, this.model.frames.count - 1); }

  /** From now on the video element counts; starts [F]: seconds in it where each frame of the page begins. */
  useVideo(starts) {
    this.starts = starts;
    this.usable = true;
    this.seek(this.frame);
  }

  dropVideo() {
    this.usable = false;
    this.wanted = null;
  }

  /** A frame whose picture the video has. */
  inVideo(frame) { return this.usable && Number.isFinite(this.starts[frame]); }

  seek(frame) {
    frame = Math.max(0, Math.min(this.last, Math.round(frame)));
    if (!this.inVideo(frame)) { this.wanted = null; this.frame = frame; this.clockFrom(frame); this.show(frame); return; }
    const busy = this.wanted !== null;
    this.wanted = frame;
    if (!busy || !this.video.seeking) this.video.currentTime = this.middle(frame);
  }

  step(by) {
    this.pause();
    this.seek((this.wanted ?? this.frame) + by);
  }

  toggle() { if (this.playing) this.pause(); else this.play(); }

  play() {
    if (this.playing || !this.model.frames.count) return;
    this.playing = true;
    this.changed();
    if (this.frame >= this.last) this.seek(0);
    this.clockFrom(this.wanted ?? this.frame);
    if (this.inVideo(this.wanted ?? this.frame)) {
      this.video.playbackRate = this.speed;
      this.video.play().catch(() => {});
    }
    this.follow();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this.video.pause();
    this.changed();
    // Where it has come to rest is what it shows.
    if (this.inVideo(this.frame)) this.seek(this.at(this.video.currentTime));
  }

  setSpeed(speed) {
    this.speed = speed;
    if (this.usable) this.video.playbackRate = speed;
    this.clockFrom(this.frame);
  }

  middle(frame) {
    const next = this.starts[frame + 1], begin = this.starts[frame];
    const length = Number.isFinite(next) ? next - begin : Math.min(0.02, Math.max(0.001, (this.video.duration || 1e9) - begin));
    return begin + length / 2;
  }

  /** The frame that a time of the video shows. */
  at(time) {
    const { starts } = this;
    let low = 0, high = starts.length - 1;
    while (low < high && !Number.isFinite(starts[low])) low++;
    while (high > low && !Number.isFinite(starts[high])) high--;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (starts[middle] <= time + 0.0005) low = middle; else high = middle - 1;
    }
    return low;
  }

  seeked() {
    if (this.wanted === null) return;
    const frame = this.wanted;
    if (Math.abs(this.video.currentTime - this.middle(frame)) > 1e-4) {
      this.video.currentTime = this.middle(frame);
      return;
    }
    this.wanted = null;
    this.frame = frame;
    this.show(frame);
  }

  clockFrom(frame) { this.began = [performance.now(), this.model.frames.time[frame] ?? 0]; }

  follow() {
    const { video } = this;
    const next = () => {
      if (!this.playing) return;
      if (this.usable && !video.paused && video.requestVideoFrameCallback) {
        video.requestVideoFrameCallback((now, shown) => { this.arrive(this.at(shown.mediaTime)); next(); });
      } else {
        requestAnimationFrame(() => {
          if (this.usable && !video.paused) this.arrive(this.at(video.currentTime));
          else if (!this.usable || !this.inVideo(this.frame)) this.tick();
          next();
        });
      }
    };
    next();
  }

  /** Without a video the clock of the machine counts. */
  tick() {
    const { time } = this.model.frames, [since, from] = this.began;
    const now = from + this.speed * (performance.now() - since) / 1000;
    let frame = this.frame;
    while (frame < this.last && time[frame + 1] <= now) frame++;
    if (frame !== this.frame) this.arrive(frame);
    if (frame >= this.last) this.atEnd();
  }

  arrive(frame) {
    if (!this.playing || this.wanted !== null || frame === this.frame) return;
    this.frame = frame;
    this.show(frame);
  }

  atEnd() {
    if (this.loop && this.last > 0) {
      this.seek(0);
      this.clockFrom(0);
      if (this.usable) this.video.play().catch(() => {});
      return;
    }
    this.pause();
    if (this.frame !== this.last) this.seek(this.last);
  }
}
